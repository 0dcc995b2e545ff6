"""A session record's samples, equal to those of the metrics. Pure.

A record with a whole timeline yields every sample of the metrics named here, at the minute and in
the context in which CloudWatch has it. A record without a timeline, or with entries left out,
yields the samples of its turn rows: at most 200 rows, each with one transcript and one synthesis.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain
from typing import Final, NamedTuple

from msgspec.structs import astuple

from worker.sessions.context import NOWHERE, Context
from worker.sessions.schema import RowPart, SessionRecord
from worker.sessions.timeline import Timeline
from worker.times.rfc3339 import parse_ms

RECORD_LATENCIES: Final = (
    *("CallerWait", "ResponseLatency", "SttLatency", "ApplicationLatency", "TtsLatency"),
)
COUNTS: Final = ("SessionsStarted", "Turns", "AbandonedWaits", "Interruptions", "Errors")

_COUNTED: Final = {"interrupt": "Interruptions", "error_event": "Errors"}
_TURNS: Final = ("answered", "ambiguous", "interrupted", "doubtful")


class RecordSample(NamedTuple):
    """A sample. ``at``: epoch ms. ``value``: ms for a latency, 1 for a count."""

    metric: str
    at: int
    value: int
    context: Context


def instant(text: str) -> int:
    """Parse an instant of a record, in epoch ms."""
    at = parse_ms(text)
    if at is None:
        raise ValueError(f"{text!r} is no instant")
    return at


def has_all_samples(record: SessionRecord) -> bool:
    """Whether the record's timeline yields all of its samples."""
    return record.timeline is not None and not record.timeline.omitted


def samples_of(record: SessionRecord) -> Iterator[RecordSample]:
    """The samples of one record; all of them if its timeline is whole."""
    began = instant(record.started_at)
    yield RecordSample("SessionsStarted", began, 1, NOWHERE)
    if record.timeline is not None and not record.timeline.omitted:
        yield from _of_timeline(record.timeline, began, instant(record.ended_at))
    else:
        yield from _of_rows(record)


_RowSample = tuple[str, int, int]
"""A metric, ms since the session's first event, and a value."""


def _of_timeline(timeline: Timeline, began: int, ended: int) -> Iterator[RecordSample]:
    times = [one.since for one in timeline.contexts]
    contexts = [NOWHERE, *(Context(*astuple(one)[1:]) for one in timeline.contexts)]
    for metric, at, value in chain(
        _waits(timeline, ended - began), _turns(timeline), _reported(timeline), _marks(timeline)
    ):
        yield RecordSample(metric, began + at, value, contexts[bisect_right(times, at)])


def _waits(timeline: Timeline, lasted: int) -> Iterator[_RowSample]:
    for one in timeline.waits:
        if one.doubtful:
            continue
        if one.audio is None:
            yield "AbandonedWaits", lasted, 1
        else:
            yield "CallerWait", one.audio, one.audio - one.since - one.speech_ms


def _turns(timeline: Timeline) -> Iterator[_RowSample]:
    for one in timeline.agent:
        if one.start is not None and one.outcome in _TURNS:
            yield "Turns", one.start, 1
            if one.response_ms is not None:
                yield "ResponseLatency", one.start, one.response_ms
    for prompt in timeline.prompts:
        if prompt.sure and prompt.first_token is not None:
            yield "ApplicationLatency", prompt.first_token, prompt.first_token - prompt.sent


def _reported(timeline: Timeline) -> Iterator[_RowSample]:
    for one in timeline.stt:
        yield "SttLatency", one.at, one.latency_ms
    for one in timeline.tts:
        yield "TtsLatency", one.at, one.latency_ms


def _marks(timeline: Timeline) -> Iterator[_RowSample]:
    for mark in timeline.marks:
        if mark.what in _COUNTED:
            yield _COUNTED[mark.what], mark.at, 1


def _of_rows(record: SessionRecord) -> Iterator[RecordSample]:
    whole = record.context
    context = Context(
        whole.tts_language,
        whole.transcription_language,
        whole.tts_provider,
        whole.voice,
        whole.transcription_provider,
        whole.speech_model,
    )
    for row in record.turn_rows:
        for metric, value in _of_row(row):
            yield RecordSample(metric, instant(row.at), value, context)
    ended = instant(record.ended_at)
    for metric, count in (
        ("AbandonedWaits", record.abandoned_waits),
        ("Interruptions", record.interruptions.total),
        ("Errors", len(record.errors)),
    ):
        for _ in range(count):
            yield RecordSample(metric, ended, 1, context)


def _of_row(row: RowPart) -> Iterator[tuple[str, int]]:
    if row.outcome in _TURNS and row.caller_wait_ms is not None:
        yield "Turns", 1
    measured = (
        ("CallerWait", row.caller_wait_ms),
        ("ResponseLatency", row.response_ms),
        ("SttLatency", row.stt_ms),
        ("ApplicationLatency", row.application_ms),
        ("TtsLatency", row.tts_ms),
    )
    for metric, value in measured:
        if value is not None:
            yield metric, value
