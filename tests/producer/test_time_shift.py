"""Moving events in time moves their times and nothing else."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.testing.reading import events
from worker.events.kpl import user_records
from worker.producer.time_shift import shifted
from worker.stream.record import Record
from worker.testing.aggregates import aggregate
from worker.testing.damage import damaged
from worker.testing.traffic import Traffic, simulated_records

DAY = 86_400_000
EVENT = {
    "type": "t",
    "time": "2026-10-02T12:00:00.500Z",
    "data": {"timestamp": "2026-10-02T14:00:00.499+02:00", "n": 1.5, "name": "ä"},
}
LATER = {
    "type": "t",
    "time": "2026-10-03T12:00:00.500Z",
    "data": {"timestamp": "2026-10-03T12:00:00.499Z", "n": 1.5, "name": "ä"},
}


def test_both_times_move_and_nothing_else() -> None:
    assert json.loads(shifted(json.dumps(EVENT).encode(), DAY)) == LATER


def test_times_move_where_data_is_a_string() -> None:
    event = {**EVENT, "data": json.dumps(EVENT["data"])}
    moved = json.loads(shifted(json.dumps(event).encode(), DAY))
    assert isinstance(moved["data"], str)
    assert {**moved, "data": json.loads(moved["data"])} == LATER


def test_times_move_in_a_list_of_events() -> None:
    data = json.dumps([EVENT, 7, EVENT]).encode()
    assert json.loads(shifted(data, DAY)) == [LATER, 7, LATER]


@pytest.mark.parametrize("between", ["", "\n", " \r\n"])
def test_times_move_in_each_of_several_documents(between: str) -> None:
    data = between.join([json.dumps(EVENT), "7", json.dumps(EVENT)]).encode()
    assert [json.loads(line) for line in shifted(data, DAY).splitlines()] == [LATER, 7, LATER]
    assert shifted(data + b" not json", DAY) == data + b" not json"


def test_times_move_inside_an_aggregate_which_stays_one() -> None:
    data = aggregate("key", [json.dumps(EVENT).encode(), b"not json", b""])
    inner = user_records(shifted(data, DAY))
    assert inner is not None
    assert json.loads(inner[0]) == LATER
    assert inner[1:] == [b"not json", b""]
    assert b"key" in shifted(data, DAY)


@pytest.mark.parametrize("stamp", [None, 17, "yesterday", "", "2026-10-02"])
def test_what_is_no_time_stays(stamp: object) -> None:
    event = {"time": stamp, "data": {"timestamp": stamp}}
    assert json.loads(shifted(json.dumps(event).encode(), DAY)) == event


@given(st.integers())
def test_what_cannot_be_read_stays_to_the_byte_or_keeps_its_meaning(seed: int) -> None:
    data = damaged(Random(seed), 1_790_942_400_000)
    moved = shifted(data, DAY)
    try:
        before = json.loads(data)
    except (ValueError, RecursionError):
        assert b"".join(moved.split()) == b"".join(data.split())  # blanks between documents
    else:
        assert type(json.loads(moved)) is type(before)


@given(st.binary(max_size=300))
def test_any_bytes_are_taken(data: bytes) -> None:
    shifted(data, DAY)
    shifted(b"\xf3\x89\x9a\xc2" + data, DAY)


def test_a_time_beyond_all_calendars_stays() -> None:
    data = json.dumps(EVENT).encode()
    assert shifted(data, 10**17) == data


@pytest.mark.parametrize("by_ms", [DAY, -DAY, 1])
def test_every_simulated_event_moves_by_as_much(by_ms: int) -> None:
    traffic = Traffic(sessions=15, malformed=0, aggregates=0.3)
    records = list(simulated_records(traffic, 1))
    moved = [
        replace(record, arrival=record.arrival + by_ms, data=shifted(record.data, by_ms))
        for record in records
    ]

    def told(some: list[Record], by: int) -> list[object]:
        return [
            (e.key, e.timestamp + by, e.sequence_number, e.name, e.payload) for e in events(some)
        ]

    assert told(moved, 0) == told(records, by_ms)
