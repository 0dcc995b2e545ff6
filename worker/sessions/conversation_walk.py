"""The conversation walk: applies the turn rules to events, with the configuration in force."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final

from worker.events.event import by_code
from worker.events.payload import Configured, LanguageChanged, Payload, Tokens
from worker.sessions.context import ContextWalk
from worker.sessions.event_log import LinkedEvent, LoggedEvent
from worker.sessions.event_walk import count_of, latency_of
from worker.sessions.linked_turns import LinkedTurnWalk
from worker.sessions.links import links_of
from worker.sessions.samples import Samples
from worker.sessions.sequence_numbers import Holes
from worker.sessions.turn_rows import TurnRows
from worker.sessions.turn_rules import TurnWalk
from worker.times.minutes import BEFORE_ALL, MINUTE, minute_of


class ConversationWalk:
    """Applies the turn rules to events in order. ``samples`` are those that neighbouring events and
    the close decide.
    """

    __slots__ = ("_base", "_context", "_last", "_turn_steps", "_until", "rows", "samples", "turns")

    def __init__(self, samples: Samples, base: int, *, linked: bool = False) -> None:
        """``base``: the session's base in epoch ms. ``linked``: whether its events have links."""
        self.samples = samples
        self._context = ContextWalk()
        self.rows = TurnRows()
        self.rows.language = self._context.current.language
        self.turns = LinkedTurnWalk(self.rows, base) if linked else TurnWalk(self.rows, base)
        self._turn_steps = _LINKED_STEPS if linked else _TURN_STEPS
        self._base = base
        self._last: LoggedEvent | None = None
        self._until = BEFORE_ALL

    def link(self, rows: Sequence[LoggedEvent]) -> None:
        """Before the walk goes on: all of the session's events."""
        if isinstance(self.turns, LinkedTurnWalk):
            self.turns.links = links_of(rows)

    def walk(self, rows: Sequence[LoggedEvent], holes: Holes | None) -> None:
        """Continue with events in order, beginning with the session's first one. ``holes``: those
        in the numbers of all of its events, None if there are none or if they mean nothing.
        """
        if not rows:
            return
        turns, base, turn_steps = self.turns, self._base, self._turn_steps
        turns.holes = holes
        if self._last is None:
            turns.silence.begin(rows[0])
        self._last = rows[-1]
        self._until = BEFORE_ALL
        for row in rows:
            name, t = row.name, base + row.timestamp
            if t >= self._until:
                turns.part = self.samples.at(t)
                self._until = minute_of(t) + MINUTE
            if isinstance(name, int):
                if (turn_step := turn_steps[name]) is not None:
                    turn_step(turns, row)
                elif (step := _STEPS[name]) is not None:
                    step(self, row, row.payload)

    def drain(self) -> Samples:
        """Drain the samples so far, and discard the turn rows."""
        drained, self.samples = self.samples, Samples(self._context.current)
        self.turns.part = defaultdict(list)
        self.rows.rows.clear()
        return drained

    def close(self) -> None:
        """Close the session; its last event is the last one of the walk."""
        last = self._last
        if last is not None:
            self.turns.part = self.samples.at(self._base + last.timestamp)
            self.turns.close(last)

    def _stt_latency(self, _row: LoggedEvent, payload: Payload | None) -> None:
        if (value := latency_of(payload)) is not None:
            self.rows.stt_ms = value

    def _tts_latency(self, _row: LoggedEvent, payload: Payload | None) -> None:
        if (value := latency_of(payload)) is not None:
            self.rows.tts_ms = value

    def _final_token(self, row: LoggedEvent, payload: Payload | None) -> None:
        tokens = count_of(payload.tokens) if isinstance(payload, Tokens) else None
        self.turns.final_token_received(row, tokens)

    def _configurations(self, row: LoggedEvent, payload: Payload | None) -> None:
        self._context.configured(payload if isinstance(payload, Configured) else Configured())
        self._enter()
        self.turns.configured(row)

    def _language(self, _row: LoggedEvent, payload: Payload | None) -> None:
        if isinstance(payload, LanguageChanged):
            self._context.language_changed(payload)
            self._enter()

    def _enter(self) -> None:
        self.samples.enter(self._context.current)
        self._until = BEFORE_ALL
        self.rows.language = self._context.current.language


def conversation_walk(samples: Samples, base: int, rows: Sequence[LoggedEvent]) -> ConversationWalk:
    """A walk, not begun, through all of a session's events, at least one."""
    walk = ConversationWalk(samples, base, linked=isinstance(rows[0], LinkedEvent))
    walk.link(rows)
    return walk


_TURN_STEP_BY_NAME: Final[dict[str, Callable[[TurnWalk, LoggedEvent], None]]] = {
    "start_of_customer_speech": TurnWalk.start_of_customer_speech,
    "end_of_customer_speech": TurnWalk.end_of_customer_speech,
    "start_of_agent_speech": TurnWalk.start_of_agent_speech,
    "end_of_agent_speech": TurnWalk.end_of_agent_speech,
    "prompt_sent": TurnWalk.prompt_sent,
    "first_token_received": TurnWalk.first_token_received,
    "interrupt": TurnWalk.interrupt,
}
_STEP_BY_NAME: Final[dict[str, Callable[[ConversationWalk, LoggedEvent, Payload | None], None]]] = {
    "final_token_received": ConversationWalk._final_token,
    "stt_latency": ConversationWalk._stt_latency,
    "tts_latency": ConversationWalk._tts_latency,
    "configurations": ConversationWalk._configurations,
    "language_changed": ConversationWalk._language,
    "language_info": ConversationWalk._language,
}
_TurnSteps = tuple[Callable[[Any, LoggedEvent], None] | None, ...]
_TURN_STEPS: Final[_TurnSteps] = by_code(_TURN_STEP_BY_NAME)
_LINKED_STEPS: Final[_TurnSteps] = by_code(
    {
        **{name: getattr(LinkedTurnWalk, name) for name in _TURN_STEP_BY_NAME},
        "call_held": LinkedTurnWalk.call_held,
        "call_unheld": LinkedTurnWalk.call_unheld,
        "handoff": LinkedTurnWalk.handoff,
        "turn_latency": LinkedTurnWalk.turn_latency,
    }
)
_STEPS: Final = by_code(_STEP_BY_NAME)
