"""The event walk: derives samples from each single event, in the context in force."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from worker.events.event import EVENT_CODES, by_code
from worker.events.payload import (
    INTERRUPTION_KINDS,
    Configured,
    Failed,
    HandedOff,
    Interrupted,
    LanguageChanged,
    Latency,
    Payload,
    Tokens,
    ToolCalled,
    TurnLatency,
    WrapUp,
)
from worker.metrics.catalogue import CATALOGUE, MILLISECONDS
from worker.sessions.context import ContextWalk
from worker.sessions.event_log import LoggedEvent
from worker.sessions.links import MAX_LATENCY_MS, valid
from worker.sessions.samples import MinuteSamples, Samples
from worker.times.minutes import BEFORE_ALL, MINUTE, minute_of

MAX_COUNT: Final = 1 << 53
MAX_ERRORS: Final = 50
MAX_UNKNOWN_NAMES: Final = 50


class SessionError(NamedTuple):
    """An error that the session reported; ``at`` in epoch ms."""

    code: int | str | None
    message: str
    at: int


class EventWalk:
    """Goes through events in order. ``samples`` are those that a single event decides."""

    __slots__ = (
        *("_part", "_until", "configuration", "context", "cut", "errors"),
        *("interruptions", "replies", "samples", "tokens", "unknown", "words", "wrap_up"),
    )

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.context = ContextWalk()
        self.interruptions = dict.fromkeys(INTERRUPTION_KINDS, 0)
        self.errors: list[SessionError] = []
        self.unknown: dict[str, int] = {}
        self.wrap_up: WrapUp | None = None
        self.configuration: dict[str, str] = {}
        self.tokens = self.words = self.replies = 0
        self.cut = 0
        """The number of names and languages beyond a session's limits."""
        self._part: MinuteSamples = defaultdict(list)
        self._until = BEFORE_ALL
        """``_part`` receives the samples of the current minute and context until this time (epoch
        ms).
        """

    def begin(self, t: int) -> None:
        """Begin a session whose first event is at ``t`` (epoch ms)."""
        self.samples.at(t)["SessionsStarted"].append(1)

    def walk(self, rows: Iterable[LoggedEvent], base: int, since: int = BEFORE_ALL) -> None:
        """Continue with events in order. The samples of configuration events before ``since``
        (epoch ms) have been emitted: such an event only sets the context.
        """
        delays: list[int] = []
        self._until = BEFORE_ALL
        for row in rows:
            name, t = row.name, base + row.timestamp
            if t < since and name in CONFIGURING:
                self._set_context(row)
                continue
            if t >= self._until:
                self._part = self.samples.at(t)
                delays = self._part["DeliveryDelay"]
                self._until = minute_of(t) + MINUTE
            delays.append(row.delay if row.delay > 0 else 0)  # 0 where a clock is ahead
            if not isinstance(name, int):
                self._unknown(name)
            elif (step := _STEPS[name]) is not None:
                step(self, t, row.payload)

    def _set_context(self, row: LoggedEvent) -> None:
        if row.name == _CONFIGURATIONS:
            self._configure(row.payload)
        else:
            self._change_language(row.payload)

    def _configure(self, payload: Payload | None) -> Configured:
        configured = payload if isinstance(payload, Configured) else Configured()
        self.context.configured(configured)
        self._enter()
        return configured

    def _change_language(self, payload: Payload | None) -> None:
        if isinstance(payload, LanguageChanged):
            self.context.language_changed(payload)
            self._enter()

    def _enter(self) -> None:
        """Enter a changed context."""
        self.samples.enter(self.context.current)
        self._until = BEFORE_ALL

    def _final_token(self, _t: int, payload: Payload | None) -> None:
        self.replies += 1
        if not isinstance(payload, Tokens):
            return
        tokens, words = count_of(payload.tokens), count_of(payload.words)
        if tokens is None and payload.tokens is not None:
            self._part["InvalidTokens"].append(1)
        if words is None and payload.words is not None:
            self._part["InvalidTokens"].append(1)
        if tokens is not None:
            self.tokens += tokens
            self._part["Tokens"].append(tokens)
        if words is not None:
            self.words += words
            self._part["Words"].append(words)

    def _interrupt(self, _t: int, payload: Payload | None) -> None:
        kind = payload.kind if isinstance(payload, Interrupted) else "UNKNOWN"
        self.interruptions[kind] += 1
        self._part["Interruptions", kind].append(1)

    def _configurations(self, _t: int, payload: Payload | None) -> None:
        configured = self._configure(payload)
        self.configuration = configured.shown
        self.cut += configured.omitted_languages

    def _language_info(self, _t: int, payload: Payload | None) -> None:
        self._change_language(payload)

    def _language_changed(self, t: int, payload: Payload | None) -> None:
        self._change_language(payload)
        self.samples.at(t)["LanguageChanges"].append(1)

    def _error(self, t: int, payload: Payload | None) -> None:
        failed = payload if isinstance(payload, Failed) else Failed()
        code = failed.code
        self._part["Errors", "unknown" if code is None else str(code)].append(1)
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(SessionError(code, failed.message or "", t))

    def _turn_latency(self, _t: int, payload: Payload | None) -> None:
        """Of a platform's figures of a turn, the turn rules tell those that have a say there."""
        if not isinstance(payload, TurnLatency):
            return
        for ms in (payload.end_of_turn, payload.application, payload.response):
            if ms is not None and valid(ms) is None:
                self._part["InvalidLatencies"].append(1)
        if (end_of_turn := valid(payload.end_of_turn)) is not None:
            self._part["EndOfTurnDelay"].append(end_of_turn)

    def _tool_call(self, _t: int, payload: Payload | None) -> None:
        name = payload.name if isinstance(payload, ToolCalled) else None
        self._part["ToolCalls", name or "unknown"].append(1)

    def _handoff(self, _t: int, payload: Payload | None) -> None:
        if isinstance(payload, HandedOff) and payload.step == "begins":
            self._part["Handoffs"].append(1)

    def _wrap_up(self, _t: int, payload: Payload | None) -> None:
        self.wrap_up = payload if isinstance(payload, WrapUp) else WrapUp()

    def _unknown(self, name: str) -> None:
        if name not in self.unknown and len(self.unknown) >= MAX_UNKNOWN_NAMES:
            name = "other"
            self.cut += 1
        self.unknown[name] = self.unknown.get(name, 0) + 1


def latency_of(payload: Payload | None) -> int | None:
    """Return a reported latency in ms; None if it is invalid."""
    if not isinstance(payload, Latency):
        return None
    value = payload.ms
    return value if value is not None and 0 <= value <= MAX_LATENCY_MS else None


def count_of(value: int | None) -> int | None:
    """Return a reported count if it is from 0 up to 2**53, which a double holds exactly; else
    None.
    """
    return value if value is not None and 0 <= value <= MAX_COUNT else None


_Step = Callable[[EventWalk, int, Payload | None], None]


def _count(metric: str) -> _Step:
    def run(walk: EventWalk, _t: int, _payload: Payload | None) -> None:
        walk._part[metric].append(1)

    return run


def _latency(metric: str) -> _Step:
    def run(walk: EventWalk, _t: int, payload: Payload | None) -> None:
        value = latency_of(payload)
        if value is None:
            walk._part["InvalidLatencies"].append(1)
        else:
            walk._part[metric].append(value)

    return run


_BY_NAME: Final[dict[str, _Step]] = {
    **{
        metric.by_event: (_latency if metric.unit == MILLISECONDS else _count)(metric.name)
        for metric in CATALOGUE.values()
        if metric.by_event is not None
    },
    "final_token_received": EventWalk._final_token,
    "interrupt": EventWalk._interrupt,
    "configurations": EventWalk._configurations,
    "language_changed": EventWalk._language_changed,
    "language_info": EventWalk._language_info,
    "error_event": EventWalk._error,
    "call_wrap_up": EventWalk._wrap_up,
    "turn_latency": EventWalk._turn_latency,
    "tool_call": EventWalk._tool_call,
    "handoff": EventWalk._handoff,
}
CONFIGURING: Final = frozenset(
    EVENT_CODES[name] for name in ("configurations", "language_changed", "language_info")
)
"""The codes of events that change the context of later events."""
_CONFIGURATIONS: Final = EVENT_CODES["configurations"]
_STEPS: Final = by_code(_BY_NAME)
