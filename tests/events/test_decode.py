"""From a Kinesis record to deliveries: each knows its place and its bytes."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scenes import BASE, cloud_event
from worker.events.decode import DEFECT, Origin, decode
from worker.events.event import Event
from worker.events.occurrence import Damaged, Ignored
from worker.stream.record import Record
from worker.testing.aggregates import aggregate
from worker.testing.damage import damaged
from worker.testing.traffic import Traffic, simulated_records


def record(data: bytes) -> Record:
    return Record("shard-3", "49", BASE + 5, data, "key")


def test_a_plain_record_has_no_sub_sequence() -> None:
    data = cloud_event(0, "dtmf")
    (delivery,) = decode(record(data))
    assert delivery.place == Origin("shard-3", "49", None, BASE + 5)
    assert delivery.data == data
    assert isinstance(delivery.occurrence, Event)
    assert delivery.occurrence.arrival == BASE + 5


def test_events_of_a_list_carry_their_own_bytes() -> None:
    first, second = cloud_event(0, "dtmf"), cloud_event(5, "digit")
    deliveries = decode(record(b"[" + first + b", " + second + b"]"))
    assert [(one.data, one.place.sub_sequence) for one in deliveries] == [
        (first, None),
        (second, None),
    ]


def test_a_list_within_an_aggregate_is_identified_by_its_sub_record() -> None:
    first, second = cloud_event(0, "dtmf"), cloud_event(5, "digit")
    deliveries = decode(record(aggregate("key", [first, b"[" + second + b", 7]", b""])))
    assert [one.place.sub_sequence for one in deliveries] == [0, 1, 1, 2]
    assert [one.data for one in deliveries] == [first, second, b"7", b""]


def test_a_bad_sub_record_spoils_none_of_its_aggregate() -> None:
    bodies = [cloud_event(0, "dtmf"), b"\xff", b'{"type": "x"}', b"", cloud_event(5, "digit")]
    found = [type(one.occurrence) for one in decode(record(aggregate("key", bodies)))]
    assert found == [Event, Damaged, Ignored, Damaged, Event]


def test_an_aggregate_within_an_aggregate_is_not_opened() -> None:
    inner = aggregate("key", [cloud_event(0, "dtmf")])
    (delivery,) = decode(record(aggregate("key", [inner])))
    assert isinstance(delivery.occurrence, Damaged)
    assert delivery.data == inner


def test_ten_mebibytes_of_anything_are_one_dead_letter() -> None:
    (delivery,) = decode(record(b"\x00" * (10 << 20)))
    assert isinstance(delivery.occurrence, Damaged)


@given(st.integers(0, 10**6))
def test_every_kind_of_damage_is_exactly_one_occurrence(seed: int) -> None:
    (delivery,) = decode(record(damaged(Random(seed), BASE)))
    assert isinstance(delivery.occurrence, Damaged)
    assert delivery.occurrence.reason


@given(st.binary(max_size=80))
def test_decoding_never_raises(data: bytes) -> None:
    found = decode(record(data))
    assert len(found) >= 1
    assert not any(DEFECT in str(one.occurrence) for one in found)


@pytest.mark.parametrize("aggregates", [0.0, 0.5])
def test_simulated_traffic_without_damage_has_none(aggregates: float) -> None:
    traffic = Traffic(sessions=10, malformed=0, aggregates=aggregates)
    for one in simulated_records(traffic, 1):
        assert not any(isinstance(d.occurrence, Damaged) for d in decode(one))
