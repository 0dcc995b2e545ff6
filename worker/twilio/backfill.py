"""Back-fill: listing calls, and reading the events of each into a journal. Shell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import msgspec

from worker.errors import Unreachable, Unreadable
from worker.times.rfc3339 import format_ms
from worker.twilio.journal import Journal
from worker.twilio.report_rows import call_events
from worker.twilio.rest import Parameters, Rest, all_rows

KEPT_DAYS: Final = 30
"""The days for which Twilio keeps a call's events."""

PAGE_SIZE: Final = 1000
ANY_EDGE: Final = "any"

_CALL_SID: Final = re.compile(r"CA[0-9a-fA-F]{32}", re.ASCII)
_FIRST_WAIT_S: Final = 5.0
_LONGEST_WAIT_S: Final = 60.0


class _Listed(msgspec.Struct):
    call_sid: str | None = None


class WaitingCall(NamedTuple):
    """How to wait for calls that aren't ready: the longest wait, a sleep in seconds, and random
    numbers from 0 up to, but not including, 1.
    """

    longest_s: float
    sleep: Callable[[float], object]
    random: Callable[[], float]


def calls_between(insights: Rest, since: int, until: int) -> list[str]:
    """The distinct SIDs of the calls that began in a span of epoch ms, sorted."""
    parameters = {
        "StartTime": format_ms(since),
        "EndTime": format_ms(until),
        "ProcessingState": "all",
        "PageSize": str(PAGE_SIZE),
    }
    what = "the list of calls"
    rows = all_rows(insights, "/v1/Voice/Summaries", parameters, "call_summaries", what)
    try:
        listed = {msgspec.json.decode(row, type=_Listed).call_sid for row in rows or ()}
    except msgspec.DecodeError as error:
        raise Unreachable(f"{what}: what answers is not Twilio") from error
    return sorted(call_sid for call_sid in listed if call_sid and is_call_sid(call_sid))


def is_call_sid(text: str) -> bool:
    """Whether ``text`` has the form of a call's SID."""
    return _CALL_SID.fullmatch(text) is not None


def read_back(
    insights: Rest,
    journal: Journal,
    edge: str,
    waiting: WaitingCall,
    progress: Callable[[int], None],
) -> list[str]:
    """Read the calls of the journal's plan that it doesn't have yet. Return the SIDs of those that
    Twilio doesn't have either, after waiting for them.

    ``progress``: called after each call with the number of calls read.
    """
    calls = journal.calls or []
    missing = [call_sid for call_sid in calls if not journal.has(call_sid)]
    waited_s, pause_s = 0.0, _FIRST_WAIT_S
    while True:
        missing = list(_not_ready(insights, journal, missing, edge, progress, len(calls)))
        left_s = waiting.longest_s - waited_s
        if not missing or left_s <= 0:
            return missing
        # At least half of the pause, and at random up to all: a call is ready after about 90 s.
        length_s = min(left_s, pause_s * (1 + waiting.random()) / 2)
        waiting.sleep(length_s)
        waited_s += length_s
        pause_s = min(_LONGEST_WAIT_S, pause_s * 2)


def _not_ready(
    insights: Rest,
    journal: Journal,
    calls: Iterable[str],
    edge: str,
    progress: Callable[[int], None],
    total: int,
) -> Iterable[str]:
    pending = list(calls)
    there = total - len(pending)
    for call_sid in pending:
        rows = _rows(insights, call_sid, edge)
        if rows is None:
            yield call_sid
            continue
        journal.keep(call_sid, rows)
        there += 1
        progress(there)


def _rows(insights: Rest, call_sid: str, edge: str) -> list[bytes] | None:
    """Return the rows of a call's events; None if the call isn't ready."""
    what = f"call {call_sid}"
    parameters: Parameters = {"PageSize": str(PAGE_SIZE)}
    if edge != ANY_EDGE:
        parameters["Edge"] = edge
    rows = all_rows(insights, f"/v1/Voice/{call_sid}/Events", parameters, "events", what)
    try:
        call_events(rows or ())
    except Unreadable as error:
        raise Unreachable(f"{what}: {error}: what answers is not Twilio") from error
    return rows
