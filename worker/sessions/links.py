"""What a session's events say of one another by their links. Pure.

It is worked out from all of the session's events, not only from those walked so far, as holes are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from worker.events.event import EVENT_CODES
from worker.events.payload import TurnLatency
from worker.sessions.event_log import LinkedEvent, LoggedEvent

MAX_LATENCY_MS: Final = 600_000


class Direct(NamedTuple):
    """A platform's own figures of a turn, in ms, those that can be true; and the event."""

    row: LoggedEvent
    application: int | None
    response: int | None


class Links(NamedTuple):
    """``direct``: by turn, the first event that has figures of it. ``tokens``: whether any event
    tells of a reply's tokens; a platform need not have such events. ``telling``: whether any event
    shows that holds, hand-offs and tools would be told of, too.
    """

    direct: dict[int, Direct]
    tokens: bool
    telling: bool


NO_LINKS: Final = Links({}, tokens=True, telling=False)


def links_of(rows: Iterable[LoggedEvent]) -> Links:
    """The links of a session's events, in any order."""
    direct: dict[int, Direct] = {}
    tokens = telling = False
    for row in rows:
        if row.name in _TOLD or (isinstance(row, LinkedEvent) and row.turn is not None):
            telling = True
        if row.name in _TOKENS:
            tokens = True
        elif row.name == _TURN_LATENCY and isinstance(row, LinkedEvent) and row.turn is not None:
            found = _direct(row)
            before = direct.get(row.turn)
            if found is not None and (before is None or _place(row) < _place(before.row)):
                direct[row.turn] = found
    return Links(direct, tokens, telling)


def may_change_told(new: Iterable[LoggedEvent], told: Iterable[LoggedEvent]) -> bool:
    """Whether links of events that are new may change what events told of have said."""
    news = [row for row in new if isinstance(row, LinkedEvent)]
    measured = {row.turn for row in news if row.name == _TURN_LATENCY}
    tokens = any(row.name in _TOKENS for row in news)
    if not measured and not tokens:
        return False
    names = set[int | str]()
    for row in told:
        names.add(row.name)
        if isinstance(row, LinkedEvent) and row.turn in measured and row.name in _MEASURING:
            return True
    return tokens and names.isdisjoint(_TOKENS) and _PROMPT in names


def valid(ms: int | None) -> int | None:
    """A figure in ms that can be true."""
    return ms if ms is not None and 0 <= ms <= MAX_LATENCY_MS else None


def _direct(row: LoggedEvent) -> Direct | None:
    said = row.payload
    if not isinstance(said, TurnLatency):
        return None
    direct = Direct(row, valid(said.application), valid(said.response))
    return None if direct.application is None and direct.response is None else direct


def _place(row: LoggedEvent) -> tuple[int, int]:
    return row.timestamp, row.sequence_number


_TURN_LATENCY: Final = EVENT_CODES["turn_latency"]
_PROMPT: Final = EVENT_CODES["prompt_sent"]
_TOKENS: Final = {EVENT_CODES["first_token_received"], EVENT_CODES["final_token_received"]}
_TOLD: Final = {EVENT_CODES[name] for name in ("call_held", "handoff", "tool_call")}
_MEASURING: Final = {
    *(EVENT_CODES[name] for name in ("first_token_received", "start_of_agent_speech")),
    _TURN_LATENCY,
}
