"""A session is one trace, whoever makes it and however often."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from tests.destinations.otlp.sending import lines_of, replayed
from worker.destinations.otlp.identifiers import is_in_share
from worker.destinations.otlp.spans import Trace, trace_of
from worker.destinations.otlp.traces import TraceSelection
from worker.sessions.record import decode_record
from worker.sessions.schema import SessionRecord
from worker.testing.traffic import Traffic

BUSY: Final = Traffic(sessions=40, delay_median_s=5.0, stragglers=0.0, malformed=0.0)


@pytest.fixture(scope="module")
def records() -> list[SessionRecord]:
    return [decode_record(line) for line in lines_of(replayed(BUSY, 3))]


@pytest.fixture(scope="module")
def traces(records: list[SessionRecord]) -> list[Trace]:
    return [trace_of(record) for record in records]


def test_identifiers_are_of_the_session_and_no_two_are_alike(
    records: list[SessionRecord], traces: list[Trace]
) -> None:
    assert traces == [trace_of(record) for record in records]
    assert len({trace.trace_id for trace in traces}) == len(records) == BUSY.sessions
    for trace in traces:
        ids = [span.span_id for span in trace.spans]
        assert len(ids) == len(set(ids))
        assert len(trace.trace_id) == 16
        assert {len(one) for one in ids} == {8}


def test_a_later_revision_has_the_same_root_and_turns(records: list[SessionRecord]) -> None:
    for record in records:
        later = msgspec.structs.replace(record, revision=record.revision + 1)
        assert [one.span_id for one in trace_of(later).spans] == [
            one.span_id for one in trace_of(record).spans
        ]


def test_every_span_has_a_parent_in_its_trace_but_the_root(traces: list[Trace]) -> None:
    for trace in traces:
        root, *others = trace.spans
        known = {span.span_id for span in trace.spans}
        assert (root.name, root.parent_id) == ("conversation", b"")
        assert all(one.parent_id in known - {one.span_id} for one in others)
        assert all(one.start <= one.end for one in trace.spans)


def test_turn_spans_have_the_numbers_of_the_records_rows(
    records: list[SessionRecord], traces: list[Trace]
) -> None:
    seen = 0
    for record, trace in zip(records, traces, strict=True):
        turns = {
            one.attributes["turn.number"]: one.attributes
            for one in trace.spans
            if one.name == "turn"
        }
        for row in record.turn_rows:
            response = turns[row.n].get("turn.user_bot_latency_seconds")
            assert response == (None if row.response_ms is None else row.response_ms / 1000)
            assert turns[row.n]["turn.outcome"] == row.outcome
            seen += response is not None
    assert seen > 50


def test_a_conversation_that_failed_is_an_error(
    records: list[SessionRecord], traces: list[Trace]
) -> None:
    failed = 0
    for record, trace in zip(records, traces, strict=True):
        bad = bool(record.errors or record.abandoned_waits or record.end_status == "failure")
        assert (trace.spans[0].error is not None) is bad
        failed += bad
    assert 0 < failed < len(records)


def test_no_message_and_no_number_of_a_person_reaches_a_span(
    records: list[SessionRecord],
) -> None:
    line = msgspec.to_builtins(records[0])
    line["errors"] = [{"code": 64107, "message": "call +15551234567", "at": line["ended_at"]}]
    line["end_status"] = "+15551234567"
    line["context"]["voice"] = "ada@example.com"
    hostile = decode_record(msgspec.json.encode(line))
    assert "64107" in (trace_of(hostile).spans[0].error or "")
    shown = _texts(trace_of(hostile))
    assert not [one for one in shown if "555" in one or "@" in one]


def _texts(trace: Trace) -> list[str]:
    values: list[Any] = []
    for span in trace.spans:
        values += [span.error, *span.attributes.values()]
        values += [value for event in span.events for value in event.attributes.values()]
    return [
        value for value in values if isinstance(value, str) and not value.startswith(("VX", "CA"))
    ]


def test_a_share_of_sessions_is_the_same_share_whenever_it_is_asked(
    records: list[SessionRecord], traces: list[Trace]
) -> None:
    chosen = [TraceSelection(0.5).takes(one) for one in records]
    assert chosen == [is_in_share(trace.trace_id, 0.5) for trace in traces]
    assert 0 < sum(chosen) < len(records)
    assert all(TraceSelection(1.0).takes(one) for one in records)


def test_slow_takes_long_waits_and_failures_only(records: list[SessionRecord]) -> None:
    slow = TraceSelection(slow_ms=3_000)
    for record in records:
        waits = record.latency_ms.caller_wait
        longest = 0 if waits is None else waits.max
        failed = bool(record.errors or record.abandoned_waits or record.end_status == "failure")
        assert slow.takes(record) is (failed or longest > 3_000)
