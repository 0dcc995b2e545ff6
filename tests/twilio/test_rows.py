"""Rows as CloudEvents: the identity of the streamed events, nothing lost, equal bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twilio.accounts import WHOLE, records_of
from worker.errors import Unreadable
from worker.events.decode import decode_all
from worker.events.event import Event
from worker.events.occurrence import Ignored
from worker.sessions.schema import SessionRecord
from worker.stream.record import Record
from worker.testing.traffic import simulated_records
from worker.testing.twilio_account import TwilioCall
from worker.testing.twilio_rest import simulated_calls
from worker.testing.twilio_summaries import SummaryRow
from worker.times.rfc3339 import format_ms
from worker.twilio.merging import Beginning, merged
from worker.twilio.report_rows import call_events, contents

FEW = replace(WHOLE, sessions=6, other_types=0.02)


@cache
def calls(seed: int) -> dict[str, TwilioCall]:
    return simulated_calls(FEW, seed)


def rows(call: TwilioCall) -> list[bytes]:
    return [json.dumps(row, indent=1).encode() for row in call.rows]


@cache
def streamed(seed: int) -> list[Record]:
    return list(simulated_records(FEW, seed))


@cache
def complete(seed: int) -> list[SessionRecord]:
    return records_of(streamed(seed))


@cache
def read_back(seed: int) -> list[Record]:
    events = {call_sid: call_events(rows(call)) for call_sid, call in calls(seed).items()}
    beginnings = [Beginning(own[0].arrival, call_sid) for call_sid, own in events.items()]
    return list(merged(beginnings, events.__getitem__))


def identities(records: list[Record]) -> set[tuple[object, ...]]:
    return {
        (event.key, event.sequence_number, event.name, event.timestamp, repr(event.payload))
        for one in decode_all(records)
        if isinstance(event := one.occurrence, Event)
    }


@pytest.mark.parametrize("seed", range(3))
def test_events_read_back_are_those_that_were_streamed(seed: int) -> None:
    assert identities(read_back(seed)) == identities(streamed(seed))


@settings(max_examples=30)
@given(st.integers(0, 2), st.integers(0, 1 << 32))
def test_a_recording_that_lacks_a_fifth_is_completed_and_nothing_doubles(
    seed: int, losses: int
) -> None:
    whole, rng = streamed(seed), Random(losses)
    kept = [record for record in whole if rng.random() >= 0.2]
    assert records_of([*kept, *read_back(seed)]) == complete(seed)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_read_back_alone_gives_the_records_of_the_stream(seed: int) -> None:
    assert records_of(read_back(seed)) == complete(seed)


def test_equal_rows_give_equal_bytes_however_they_are_written() -> None:
    (call, *_) = calls(1).values()
    plain = [json.dumps(row).encode() for row in call.rows]
    assert call_events(plain) == call_events(rows(call))


def test_rows_of_other_groups_are_ignored_as_those_of_the_stream_are() -> None:
    row = {"timestamp": "2026-10-02T12:00:00Z", "edge": "sdk_edge", "name": "error"}
    (sdk,) = call_events([json.dumps(row).encode()])
    (gateway,) = call_events([json.dumps({**row, "edge": "carrier_edge"}).encode()])
    records = [Record("s", "1", one.arrival, one.data, "k") for one in (sdk, gateway)]
    kinds = [one.occurrence for one in decode_all(records)]
    assert [kind.type.rpartition(".")[2] for kind in kinds if isinstance(kind, Ignored)] == [
        "sdk",
        "gateway",
    ]


@given(st.lists(st.none() | st.integers(0, 10**12)))
def test_every_row_comes_once_in_the_order_of_time(times: list[int | None]) -> None:
    events = call_events(
        json.dumps({"n": n, "timestamp": _stamp(at)}).encode() for n, at in enumerate(times)
    )
    assert [event.arrival for event in events] == sorted(event.arrival for event in events)
    assert sorted(json.loads(e.data)["data"]["n"] for e in events) == list(range(len(times)))


def test_a_row_without_a_time_counts_as_arrived_with_the_row_before_it() -> None:
    rows = [{"timestamp": format_ms(5_000)}, {"timestamp": "soon"}, {}, {"timestamp": None}]
    events = call_events(json.dumps(row).encode() for row in rows)
    assert [event.arrival for event in events] == [5_000] * 4


def _stamp(at: int | None) -> str | None:
    return None if at is None else format_ms(at)


@pytest.mark.parametrize("row", [b"1", b"[]", b"{", b"\xff", b"null"])
def test_a_row_that_is_no_object_is_refused(row: bytes) -> None:
    with pytest.raises(Unreadable):
        call_events([row])


def test_a_session_without_its_wrap_up_is_unfinished() -> None:
    finished = [call for call in calls(1).values() if _wrap_ups(call)]
    found = contents(rows(finished[0]))
    assert found.rows == len(finished[0].rows)
    assert found.unfinished == 0
    cut = [row for row in finished[0].rows if row["name"] != "call_wrap_up"]
    left = contents([json.dumps(row).encode() for row in cut])
    assert left.unfinished == len(session_ids(cut))
    assert left.relay == len(relay(cut))


def relay(rows: list[SummaryRow]) -> list[SummaryRow]:
    return [row for row in rows if row["conversation_relay_data"] is not None]


def session_ids(rows: list[SummaryRow]) -> set[str]:
    return {row["conversation_relay_data"]["session_id"] for row in relay(rows)}


def _wrap_ups(call: TwilioCall) -> bool:
    wrap_ups = [row["name"] for row in call.rows].count("call_wrap_up")
    return wrap_ups == len(session_ids(call.rows))


def test_an_event_counts_as_arrived_when_it_happened() -> None:
    (event,) = call_events([b'{"timestamp": "2026-10-02T14:00:00.123+02:00"}'])
    assert event.arrival == 1_790_942_400_123
