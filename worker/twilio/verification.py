"""Verification of session records against Twilio's summaries of their calls. Shell."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from worker.sessions.schema import SessionRecord
from worker.times.rfc3339 import parse_ms
from worker.twilio.comparison import SessionCompared, compare, without_record, without_summary
from worker.twilio.rest import NOT_FOUND, Rest, decode_answer
from worker.twilio.summaries import CallSummary

READY_MS: Final = 3_600_000
"""A summary is complete within 30 minutes of the call's end; after twice that it is overdue."""

KEPT_MS: Final = 30 * 86_400_000
"""The time for which Twilio keeps a call's summary."""


class Selection(NamedTuple):
    """The records to compare, and how many were left out because Twilio no longer keeps their
    summaries, or because they belong to another platform.
    """

    records: list[SessionRecord]
    too_old: int
    foreign: int


def select(records: Iterable[SessionRecord], now: int, sample: int | None) -> Selection:
    """Select Twilio's records of the last 30 days before ``now`` (epoch ms); with ``sample``, only
    those of so many calls, chosen evenly by their SIDs.
    """
    everything = list(records)
    own = [one for one in everything if one.platform == "twilio"]
    fresh = [one for one in own if (parse_ms(one.started_at) or 0) >= now - KEPT_MS]
    calls = sorted({one.call_sid for one in fresh}, key=_digest)[:sample]
    chosen = set(calls)
    kept = sorted((one for one in fresh if one.call_sid in chosen), key=_place)
    return Selection(kept, len(own) - len(fresh), len(everything) - len(own))


def verify_calls(
    insights: Rest,
    records: Sequence[SessionRecord],
    now: int,
    progress: Callable[[int], None],
) -> Iterator[SessionCompared]:
    """Compare each session of the records' calls; ``records``: from ``select``.

    ``progress``: called with the number of calls requested. Raises the errors of ``insights``.
    """
    for count, (call_sid, group) in enumerate(groupby(records, _call), 1):
        yield from _call_compared(_summary(insights, call_sid), call_sid, list(group), now)
        progress(count)


def _call_compared(
    summary: CallSummary | None, call_sid: str, records: list[SessionRecord], now: int
) -> Iterator[SessionCompared]:
    theirs = {one.session_id: one for one in (summary and summary.agent_session_summaries) or ()}
    partial = summary is not None and summary.processing_state == "partial"
    for record in records:
        session = theirs.pop(record.session_id, None)
        if session is not None:
            yield compare(record, session, partial=partial)
        else:
            recent = (parse_ms(record.ended_at) or 0) > now - READY_MS
            yield without_summary(record, recent=recent or partial)
    for session in theirs.values():
        yield without_record(call_sid, session)


def _summary(insights: Rest, call_sid: str) -> CallSummary | None:
    """The summary of a call: the complete one, else the partial one, else None."""
    for state in ("complete", "partial"):
        answer = insights.get(f"/v1/Voice/{call_sid}/Summary", {"ProcessingState": state})
        if answer.status != NOT_FOUND:
            return decode_answer(answer, CallSummary, f"the summary of {call_sid}")
    return None


def _call(record: SessionRecord) -> str:
    return record.call_sid


def _place(record: SessionRecord) -> tuple[str, str, str]:
    return record.call_sid, record.started_at, record.session_id


def _digest(call_sid: str) -> bytes:
    return hashlib.md5(call_sid.encode(), usedforsecurity=False).digest()
