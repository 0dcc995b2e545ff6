"""Every occurrence belongs to one bucket, an event to its session's, however it is found."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.counting import calls
from tests.events.fuzzing import REAL
from tests.fleet.routed import (
    ANY_RECORDS,
    ARRIVAL,
    LAYOUT,
    PINECALL,
    SEVERAL,
    USER_RECORDS,
    by_bucket,
    record,
)
from tests.scenes import cloud_event
from tests.test_oracle import NOISY
from worker.events.decode import MAX_PARTS, PLATFORMS, Delivery, decode
from worker.events.event import Event
from worker.events.occurrence import Damaged
from worker.fleet.keys import divided, items_by_bucket
from worker.fleet.processor import LeasedRecord
from worker.testing.aggregates import aggregate
from worker.testing.traffic import Traffic, simulated_records


def wanted(deliveries: list[Delivery]) -> dict[int, list[Delivery]]:
    """Where each occurrence belongs, by decoding all."""
    found: dict[int, list[Delivery]] = {}
    for one in deliveries:
        occurrence = one.occurrence
        of_session = isinstance(occurrence, Event)
        key = occurrence.key.session_id if isinstance(occurrence, Event) else one.sequence_number
        assert of_session or key == one.sequence_number
        found.setdefault(LAYOUT.bucket_of(key), []).append(one)
    return found


def several(*sessions: str) -> bytes:
    return b"[" + b",".join(cloud_event(0, "dtmf", session_id=one) for one in sessions) + b"]"


def other_buckets() -> tuple[str, str]:
    """Two sessions of different buckets."""
    first = "VX0"
    return first, next(
        name
        for name in map("VX{}".format, range(1, 99))
        if LAYOUT.bucket_of(name) != LAYOUT.bucket_of(first)
    )


@settings(max_examples=400)
@given(USER_RECORDS)
@example(several("VX1", "VX2"))
@example(cloud_event(0, "dtmf") + b"\n" + cloud_event(5, "dtmf", session_id="VX2"))
@example(cloud_event(0, "dtmf").replace(b'"VX1"', b'"VX1", "session_id": "VX2"'))
@example(cloud_event(0, "dtmf").replace(b"session_id", rb"session\u005fid"))
@example(cloud_event(0, "dtmf").replace(b"VX1", rb"VX\u0031"))
def test_a_session_found_quickly_is_that_of_the_event(data: bytes) -> None:
    quick = PLATFORMS.session_quickly(data)
    if quick is not None:
        (one,) = decode(record(data))
        assert isinstance(one.occurrence, Event | Damaged)
        if isinstance(one.occurrence, Event):
            assert one.occurrence.key.session_id == quick


@settings(max_examples=400)
@given(ANY_RECORDS)
@example(several("VX1", "VX2"))
@example(several("VX1", "VX1"))
@example(aggregate("key", [several("VX1", "VX2"), b"", cloud_event(0, "dtmf")]))
@example(aggregate("key", [b"[[" + cloud_event(0, "dtmf") + b"]]", cloud_event(0, "dtmf")]))
@example(b"[[" + cloud_event(0, "dtmf") + b"]," + cloud_event(0, "dtmf") + b"]")
@example(b"[" + b",".join([b"7"] * (MAX_PARTS + 1)) + b"]")
def test_each_occurrence_is_in_one_bucket_as_a_single_worker_has_it(data: bytes) -> None:
    deliveries = decode(record(data))
    found = by_bucket([LeasedRecord(record(data))])
    if PLATFORMS.session_quickly(data) is None:
        assert found == wanted(deliveries)
    else:  # an event that can't be read stays with what looks like its session
        assert list(found.values()) == [deliveries]


@settings(max_examples=200)
@given(st.lists(SEVERAL, min_size=1, max_size=5))
def test_an_aggregate_that_the_engine_opened_keeps_its_places(parts: list[bytes]) -> None:
    whole = decode(record(aggregate("key", parts)))
    opened = [LeasedRecord(record(data), index) for index, data in enumerate(parts)]
    found = [one for some in by_bucket(opened).values() for one in some]
    assert sorted(map(repr, found)) == sorted(map(repr, whole))
    for bucket, some in by_bucket(opened).items():
        for one in some:
            if isinstance(one.occurrence, Event):
                assert bucket == LAYOUT.bucket_of(one.occurrence.key.session_id)


@pytest.mark.parametrize("seed", range(2))
def test_all_of_a_session_is_in_one_bucket(seed: int) -> None:
    found = by_bucket(map(LeasedRecord, simulated_records(NOISY, seed)))
    buckets: dict[str, set[int]] = {}
    for bucket, deliveries in found.items():
        for one in deliveries:
            if isinstance(one.occurrence, Event):
                buckets.setdefault(one.occurrence.key.session_id, set()).add(bucket)
    assert len(buckets) > 10
    assert all(len(some) == 1 for some in buckets.values())
    assert len(set.union(*buckets.values())) > 2


def test_what_has_no_session_goes_by_its_records_number() -> None:
    for number in range(40):
        (bucket,) = items_by_bucket([LeasedRecord(record(b"7", number))], LAYOUT)
        assert bucket == LAYOUT.bucket_of(str(number))


def test_a_list_of_one_session_is_left_whole() -> None:
    data = several("VX1", "VX1")
    ((bucket, item),) = divided(record(data), None, LAYOUT)
    assert bucket == LAYOUT.bucket_of("VX1")
    assert (item.data, item.element, item.arrival) == (data, False, ARRIVAL)


def test_a_list_of_two_sessions_is_divided_by_its_elements() -> None:
    first, second = other_buckets()
    parts = divided(record(several(first, second, first)), None, LAYOUT)
    assert [bucket for bucket, _ in parts] == [LAYOUT.bucket_of(s) for s in (first, second, first)]
    assert all(item.element and b"[" not in item.data for _, item in parts)


@pytest.mark.parametrize("platform", ["twilio", "pinecall"])
def test_usual_events_are_not_decoded_to_find_their_session(platform: str) -> None:
    traffic = Traffic(sessions=20, malformed=0.0, other_types=0.0)
    usual = PINECALL if platform == "pinecall" else [r.data for r in simulated_records(traffic, 5)]
    silent = sum(PLATFORMS.session_quickly(data) is None for data in usual)
    assert silent <= len(usual) / 200


def test_work_grows_no_faster_than_the_records_do() -> None:
    few, many = ([LeasedRecord(record(one)) for one in REAL[:n]] for n in (100, 400))
    items_by_bucket(few, LAYOUT)
    assert calls(lambda: items_by_bucket(many, LAYOUT)) <= 4.4 * calls(
        lambda: items_by_bucket(few, LAYOUT)
    )
