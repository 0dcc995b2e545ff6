"""What a run says of a stretch is true, fits into records, and can be checkpointed in time."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fleet.routed import ANY_RECORDS, ARRIVAL, LAYOUT, SHARD, by_bucket, record
from tests.scenes import cloud_event
from worker.events.decode import MAX_PARTS, Delivery, decode
from worker.events.occurrence import Damaged
from worker.events.platform import Platform, Platforms
from worker.fleet.bundles import (
    Bundle,
    BundleItem,
    Mark,
    SourceProgress,
    decode_bundle,
    encode_bundle,
)
from worker.fleet.chunks import CHUNK_ITEMS
from worker.fleet.processor import LeasedRecord
from worker.fleet.receipt import Receipt
from worker.fleet.routing import BundlePut, Marks, Routing
from worker.stream.position import Position
from worker.stream.record import Record

LEAST = 256 << 10
"""The least that a bundle may be allowed to have."""


def events(*numbers: int) -> list[LeasedRecord]:
    """A record a number, each of a session of its own."""
    return [
        LeasedRecord(record(cloud_event(0, "dtmf", session_id=f"VX{number}"), number))
        for number in numbers
    ]


def bundles(rounds: Sequence[Sequence[BundlePut]]) -> list[Bundle]:
    found = [decode_bundle(put.data) for one in rounds for put in one]
    assert all(isinstance(one, Bundle) for one in found)
    return [one for one in found if isinstance(one, Bundle)]


def marks(routing: Routing) -> dict[int, Mark]:
    """The marks that are due, acknowledged."""
    due = Marks(LAYOUT, [routing])
    found = {put.bucket: decode_bundle(put.data) for put in due.puts}
    due.acknowledged()
    return {bucket: one for bucket, one in found.items() if isinstance(one, Mark)}


def delivered(rounds: Sequence[Sequence[BundlePut]]) -> list[Delivery]:
    """What buckets that have nothing make of rounds."""
    receipts = [Receipt(LAYOUT, bucket, {}) for bucket in range(LAYOUT.buckets)]
    return [
        delivery
        for bundle in bundles(rounds)
        for batch in receipts[bundle.bucket].take(bundle).batches
        for delivery in batch.deliveries
    ]


@given(st.lists(ANY_RECORDS, max_size=5))
def test_buckets_get_all_of_a_batch_and_all_of_it_ends_where_the_batch_does(
    some: list[bytes],
) -> None:
    records = [LeasedRecord(record(data, number)) for number, data in enumerate(some, 1)]
    rounds = Routing(LAYOUT, SHARD, None).route(records)
    whole = [one for data in records for one in decode(data.record)]
    assert sorted(map(repr, delivered(rounds))) == sorted(map(repr, whole))
    for bundle in bundles(rounds):
        assert (bundle.progress.after, bundle.progress.through) == ("", str(len(some)))
        assert bundle.progress.clock == ARRIVAL
    assert {one.bucket for one in bundles(rounds)} == set(by_bucket(records))


@settings(max_examples=15)
@given(st.integers(LEAST, 4 * LEAST), st.integers(0, 1 << 32))
def test_what_is_too_much_for_a_bundle_takes_several_rounds(most: int, seed: int) -> None:
    rng = Random(seed)
    noise = [rng.randbytes(rng.randrange(LEAST // 2)) for _ in range(60)]
    records = [LeasedRecord(record(data, number)) for number, data in enumerate(noise, 1)]
    routing = Routing(LAYOUT, SHARD, None, most_bytes=most)
    rounds = routing.route(records)
    assert len(rounds) >= sum(map(len, noise)) // (most * LAYOUT.buckets)
    for one in rounds:
        assert len({put.bucket for put in one}) == len(one), "one bundle a bucket and round"
        assert all(len(put.data) <= most for put in one)
    assert len(delivered(rounds)) == len(noise)
    chains: dict[int, str] = {}
    for bundle in bundles(rounds):
        assert bundle.progress.after == chains.get(bundle.bucket, "")
        chains[bundle.bucket] = bundle.progress.through
    assert set(chains.values()) == {"60"}


def test_only_the_last_of_several_bundles_tells_the_batchs_time() -> None:
    noise = [LeasedRecord(record(Random(n).randbytes(LEAST // 2), n)) for n in range(1, 40)]
    clocks: dict[int, list[int]] = {}
    for one in bundles(Routing(LAYOUT, SHARD, None, most_bytes=LEAST).route(noise)):
        clocks.setdefault(one.bucket, []).append(one.progress.clock)
    assert max(map(len, clocks.values())) > 1
    assert all(some == [0] * (len(some) - 1) + [ARRIVAL] for some in clocks.values())


def test_data_that_no_bundle_can_hold_is_a_dead_letter_that_says_so() -> None:
    great, small = Random(1).randbytes(2 * LEAST), cloud_event(0, "dtmf")
    batch = [LeasedRecord(record(great, 1)), LeasedRecord(record(small, 2))]
    rounds = Routing(LAYOUT, SHARD, None, most_bytes=LEAST).route(batch)
    first, second = sorted(delivered(rounds), key=lambda one: one.sequence_number)
    assert isinstance(first.occurrence, Damaged)
    assert f"{2 * LEAST} bytes" in first.occurrence.reason
    assert great.startswith(first.data)
    assert second.data == small


def test_an_opened_aggregate_of_too_many_records_is_one_dead_letter_a_bucket() -> None:
    parts = [LeasedRecord(record(b"7"), n) for n in range(MAX_PARTS + 1)]
    (one,) = delivered(Routing(LAYOUT, SHARD, None).route(parts))
    assert isinstance(one.occurrence, Damaged)
    assert len(delivered(Routing(LAYOUT, SHARD, None).route(parts[:-1]))) == MAX_PARTS


def test_a_bundle_has_no_more_records_than_it_may() -> None:
    junk = [LeasedRecord(Record(SHARD, str(n), 1, b"7", "")) for n in range(1, 2 * CHUNK_ITEMS)]
    found = bundles(Routing(replace(LAYOUT, buckets=1), SHARD, None).route(junk))
    assert max(len(one.items) for one in found) == CHUNK_ITEMS
    assert sum(len(one.items) for one in found) == len(junk)


def test_a_bundle_begins_after_what_its_bucket_was_told_last() -> None:
    routing = Routing(LAYOUT, SHARD, "5")
    (first,) = bundles(routing.route(events(10)))
    routing.acknowledged()
    routing.route(events(11, 12, 13))
    routing.acknowledged()
    again = {one.bucket: one for one in bundles(routing.route(events(*range(20, 60))))}
    afters = {bucket: one.progress.after for bucket, one in again.items()}
    assert first.progress.after == "5"
    assert set(afters.values()) == {"5", "10", "13"} - ({"10"} - {afters[first.bucket]})
    routing.acknowledged()
    marks(routing)
    last = bundles(routing.route(events(*range(60, 99))))
    assert {one.progress.after for one in last} == {"59"}


def test_only_what_every_bucket_was_told_may_be_checkpointed() -> None:
    routing = Routing(LAYOUT, SHARD, "5")
    assert routing.settled == "5"
    routing.route(events(10))
    assert (routing.through, routing.settled) == ("5", "5")
    routing.acknowledged()
    assert (routing.through, routing.settled) == ("10", "5")
    due = Marks(LAYOUT, [routing])
    assert len(due.puts) == LAYOUT.buckets - 1
    assert routing.settled == "5"
    due.acknowledged()
    assert routing.settled == "10"
    assert Marks(LAYOUT, [routing]).puts == []
    routing.route(events(*range(20, 90)))
    routing.acknowledged()
    assert routing.settled == "89", "all buckets got something"


def test_marks_that_were_put_beside_a_batch_tell_what_was_reached_before_it() -> None:
    routing = Routing(LAYOUT, SHARD, None)
    routing.route(events(1))
    routing.acknowledged()
    due = Marks(LAYOUT, [routing])
    routing.route(events(2))
    routing.acknowledged()
    due.acknowledged()
    assert routing.settled == "1"
    told = {one.progress[0].through for one in marks(routing).values()}
    assert told == {"2"}
    assert routing.settled == "2"


def test_marks_that_are_acknowledged_late_take_nothing_back() -> None:
    routing = Routing(LAYOUT, SHARD, None)
    routing.route(events(1))
    routing.acknowledged()
    due = Marks(LAYOUT, [routing])
    routing.route(events(*range(20, 90)))
    routing.acknowledged()
    due.acknowledged()
    assert routing.settled == "89"


def test_a_mark_tells_of_all_shards_that_have_something_new() -> None:
    some = [Routing(LAYOUT, f"shard-{n}", None) for n in range(3)]
    for routing in some[:2]:
        routing.route(events(1, 2))
        routing.acknowledged()
    found = [decode_bundle(put.data) for put in Marks(LAYOUT, some).puts]
    assert len(found) >= LAYOUT.buckets - 2
    for one in found:
        assert isinstance(one, Mark)
        assert {two.shard for two in one.progress} <= {"shard-0", "shard-1"}


def test_a_shard_at_its_tip_moves_time_by_marks() -> None:
    routing = Routing(LAYOUT, SHARD, "5")
    routing.caught_up(ARRIVAL)
    routing.caught_up(ARRIVAL - 1)
    found = marks(routing)
    assert len(found) == LAYOUT.buckets
    for one in found.values():
        (progress,) = one.progress
        assert (progress.after, progress.through, progress.clock) == ("5", "5", ARRIVAL)
    assert marks(routing) == {}
    routing.route(events(7))
    routing.caught_up(ARRIVAL + 9_000)
    routing.acknowledged()
    assert {one.progress[0].clock for one in marks(routing).values()} == {ARRIVAL}


def test_where_a_run_began_is_said_of_each_buckets_first_stretch_only() -> None:
    routing = Routing(LAYOUT, SHARD, "5", horizon=ARRIVAL)
    (first,) = bundles(routing.route(events(10)))
    routing.acknowledged()
    others = marks(routing)
    again = bundles(routing.route(events(*range(20, 60))))
    assert first.progress.horizon == ARRIVAL
    assert {one.progress[0].horizon for one in others.values()} == {ARRIVAL}
    assert {one.progress.horizon for one in again} == {0}


def test_where_a_run_began_is_said_once_however_many_bundles_a_batch_takes() -> None:
    routing = Routing(LAYOUT, SHARD, "5", horizon=ARRIVAL, most_bytes=300_000)
    random = Random(1)
    found = bundles(
        routing.route(
            [
                LeasedRecord(Record(SHARD, str(n), ARRIVAL, random.randbytes(100_000), ""))
                for n in range(10, 60)
            ]
        )
    )
    by_bucket: dict[int, list[int]] = {}
    for one in found:
        by_bucket.setdefault(one.bucket, []).append(one.progress.horizon)
    assert max(map(len, by_bucket.values())) > 1
    for horizons in by_bucket.values():
        assert [one for one in horizons if one] == [ARRIVAL]


def test_the_end_is_told_to_all_before_it_may_be_checkpointed() -> None:
    routing = Routing(LAYOUT, SHARD, None)
    routing.route(events(1))
    routing.acknowledged()
    routing.end(["shard-8", "shard-9"])
    routing.end(["shard-8", "shard-9"])
    settled = [routing.end_settled]
    found = marks(routing)
    assert [*settled, routing.end_settled] == [False, True]
    assert len(found) == LAYOUT.buckets
    for bucket, one in found.items():
        receipt = Receipt(LAYOUT, bucket, {SHARD: Position("after", "1", 0)})
        (batch,) = receipt.take(one).batches
        assert batch.position == Position("ended", "", ARRIVAL)
        assert set(batch.children) == {"shard-8", "shard-9"}


def test_a_run_whose_batch_was_not_acknowledged_says_nothing_more() -> None:
    routing = Routing(LAYOUT, SHARD, None)
    routing.route(events(1))
    with pytest.raises(ValueError, match="not been acknowledged"):
        routing.route(events(2))
    with pytest.raises(ValueError, match="not been acknowledged"):
        routing.end([])


def test_a_run_that_failed_within_a_batch_says_nothing_more() -> None:
    """Consumer libraries skip a batch whose processing raises, and go on with the next."""

    def failing(data: bytes) -> str | None:
        raise RuntimeError

    toy = Platform("toy", frozenset(("toy",)), lambda _text, _arrival: Damaged("x"))
    platforms = Platforms(toy._replace(session_quickly=failing))
    routing = Routing(LAYOUT, SHARD, None, platforms=platforms)
    with pytest.raises(RuntimeError):
        routing.route(events(1))
    with pytest.raises(ValueError, match="not been acknowledged"):
        routing.route(events(2))


def test_the_places_of_the_record_with_the_most_parts_always_fit() -> None:
    """So cutting off data comes to an end."""
    empty = [
        BundleItem("9" * 56, ARRIVAL, b"", one, True, f"{one} bytes, more than can be held")
        for one in range(MAX_PARTS)
    ]
    progress = SourceProgress(SHARD, "8" * 56, "9" * 56)
    assert len(encode_bundle(Bundle(LAYOUT.fingerprint, 0, progress, empty))) < LEAST
    with pytest.raises(ValueError, match="most_bytes"):
        Routing(LAYOUT, SHARD, None, most_bytes=LEAST - 1)


def test_no_records_are_nothing_to_acknowledge() -> None:
    routing = Routing(LAYOUT, SHARD, "5")
    assert routing.route([], 0) == []
    routing.acknowledged()
    assert routing.route(events(6)) != []
