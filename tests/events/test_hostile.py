"""Whatever bytes come, decoding never raises, accounts for all of it, and its work is linear."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_kinesis_agg.deaggregator import messages_pb2
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.building import Driven, accounts_add_up
from tests.counting import calls
from tests.events.fuzzing import REAL, mutated
from tests.scenes import BASE, cloud_event, envelope
from tests.testing.reading import read_user_record
from worker.events.decode import DEFECT, MAX_PARTS, decode
from worker.events.event import Event
from worker.events.kpl import MAGIC, sealed
from worker.events.occurrence import Damaged
from worker.events.payload import Configured, canonical_json
from worker.partition.rules import Rules
from worker.stream.record import Record
from worker.testing.aggregates import aggregate

ARRIVAL = BASE + 60_000


@st.composite
def aggregates(draw: st.DrawFn) -> bytes:
    """An aggregate with indexes that point anywhere, odd sub-records, and perhaps damage."""
    message = messages_pb2.AggregatedRecord()
    message.partition_key_table.extend(draw(st.lists(st.text(max_size=3), max_size=2)))
    for data in draw(st.lists(st.sampled_from([*REAL[:40], b"", b"{}", b"[]", MAGIC]), max_size=4)):
        record = message.records.add()
        record.data = data
        record.partition_key_index = draw(st.sampled_from([0, 1, 5, 2**63]))
    whole: bytes = message.SerializeToString()
    damage = draw(st.sampled_from(["none", "message", "checksum", "cut"]))
    if damage == "message":
        at = draw(st.integers(0, max(0, len(whole) - 1)))
        whole = whole[:at] + draw(st.binary(min_size=1, max_size=9)) + whole[at + 1 :]
    data = sealed(whole)
    if damage == "checksum":
        data = data[:-1] + bytes([data[-1] ^ 1])
    if damage == "cut":
        data = data[: draw(st.integers(0, len(data)))]
    return data


def account_for(data: bytes) -> None:
    """Decode, fold, close: no exception, and every occurrence accounted for."""
    record = Record("shard-0", "1", ARRIVAL, data, "key")
    deliveries = decode(record)
    driven = Driven(Rules())
    driven.take([record])
    outputs = driven.finish()
    counters = driven.partition.counters
    assert counters["occurrences"] == len(deliveries) >= 1
    assert accounts_add_up(counters)
    for delivery in deliveries:
        if isinstance(delivery.occurrence, Damaged):
            assert delivery.occurrence.reason
            assert DEFECT not in delivery.occurrence.reason
            assert len(delivery.occurrence.reason) < 400
    assert not any(DEFECT in letter.reason for letter in outputs.dead_letters)
    assert outputs.quarantined == []
    for one in outputs.records:
        json.loads(one.line)


@settings(max_examples=150)
@given(mutated(REAL))
@example(b"[" * 100_000)
@example(b'{"type":' * 50_000)
def test_mutated_records_are_accounted_for(data: bytes) -> None:
    account_for(data)


@settings(max_examples=100)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=80).map(lambda t: t.encode("utf-8"))))
def test_any_bytes_are_accounted_for(data: bytes) -> None:
    account_for(data)


@settings(max_examples=150)
@given(st.one_of(aggregates(), mutated([aggregate("key", REAL[:3])])))
def test_any_aggregate_is_accounted_for(data: bytes) -> None:
    account_for(data)


@settings(max_examples=20)
@given(st.sampled_from(REAL), st.data())
def test_an_aggregate_of_mutated_records_gives_what_each_gives_by_itself(
    good: bytes, data: st.DataObject
) -> None:
    parts = [good, *data.draw(st.lists(mutated(REAL), min_size=1, max_size=3))]
    alone = [kind for part in parts for kind in kinds(part)]
    assert kinds(aggregate("key", parts)) == alone


def kinds(data: bytes) -> list[type]:
    found = read_user_record(data, ARRIVAL)
    return [Damaged] if data[:4] == MAGIC and not found else [type(one) for one in found]


# --- bounds


@pytest.mark.parametrize("part", [b"1", b"[]", b"{}"])
def test_a_list_of_more_elements_than_events_would_fit_in_is_one_dead_letter(part: bytes) -> None:
    data = b"[" + b",".join([part] * (MAX_PARTS + 1)) + b"]"
    (one,) = read_user_record(data, ARRIVAL)
    assert isinstance(one, Damaged)
    assert str(MAX_PARTS) in one.reason
    assert len(read_user_record(b"[" + b",".join([part] * 3) + b"]", ARRIVAL)) == 3


def test_an_aggregate_of_more_records_than_events_would_fit_in_is_one_dead_letter() -> None:
    (one,) = read_user_record(aggregate("key", [b""] * (MAX_PARTS + 1)), ARRIVAL)
    assert isinstance(one, Damaged)


def test_the_lists_of_an_aggregate_have_together_no_more_elements_than_one_may_have() -> None:
    part = b"[" + b",".join([b"{}"] * (MAX_PARTS // 4 + 1)) + b"]"
    (one,) = read_user_record(aggregate("key", [part] * 4), ARRIVAL)
    assert isinstance(one, Damaged)
    assert str(MAX_PARTS) in one.reason
    assert len(read_user_record(aggregate("key", [part] * 3), ARRIVAL)) == 3 * (MAX_PARTS // 4 + 1)


def test_what_a_lists_events_carry_is_no_more_than_the_list() -> None:
    data = b"[" + b",".join([cloud_event(n, "dtmf") for n in range(200)]) + b"]"
    deliveries = decode(Record("shard-0", "1", ARRIVAL, data, "key"))
    assert sum(len(one.data) for one in deliveries) < len(data)


def wide(n: int) -> dict[str, Any]:
    """A configuration of n languages, with n odd fields each side."""
    return {
        "configurations": {f"field-{one}": "x" * 500 for one in range(n)} | {"voice": "v" * 999},
        "languages": {f"l{one:05}": {"voice": "v" * 999} | {f"f{one}": 1} for one in range(n)},
    }


def test_an_event_keeps_a_bounded_part_of_the_greatest_configuration() -> None:
    (small,), (great,) = (
        read_user_record(cloud_event(0, "configurations", wide(n)), ARRIVAL) for n in (50, 3000)
    )
    assert isinstance(small, Event)
    assert isinstance(great, Event)
    assert isinstance(great.payload, Configured)
    assert len(canonical_json(great.payload)) <= len(canonical_json(small.payload)) + 40
    assert great.payload.omitted_languages == 2950


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "elements": lambda n: b"[" + b",".join([b"7"] * n) + b"]",
    "depth": lambda n: b'{"type":' + b"[" * n,
    "number": lambda n: b'{"type":' + b"9" * n + b"}",
    "fraction": lambda n: b'{"type":0.' + b"9" * n + b"}",
    "surrogates": lambda n: b'{"type":"' + b"\\ud800" * n + b'"}',
    "names": lambda n: envelope({f"k{one}": one for one in range(n)}, 0),
    "repeated keys": lambda n: b"{" + b'"type":"x",' * n + b'"type":1e999}',
    "languages": lambda n: cloud_event(0, "configurations", wide(n)),
    "empty sub-records": lambda n: aggregate("key", [b""] * n),
    "bad sub-records": lambda n: aggregate("key", [b'{"type":1e999}'] * n),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_work_grows_no_faster_than_the_bytes(kind: str) -> None:
    few, many = (Record("shard-0", "1", ARRIVAL, HOSTILE[kind](n), "key") for n in (500, 2000))
    decode(few)  # what is remembered from the first time on isn't the record's work
    assert calls(lambda: decode(many)) <= 4.2 * calls(lambda: decode(few)) + 50
