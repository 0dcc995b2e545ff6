"""What a bucket has it doesn't take again, and what it lacks it misses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fleet.routed import ARRIVAL, LAYOUT, SHARD
from tests.scenes import cloud_event
from worker.errors import ChainBroken, Misconfigured
from worker.fleet.bundles import Bundle, BundleItem, Mark, SourceProgress
from worker.fleet.receipt import Receipt
from worker.sources.batch import DecodedBatch
from worker.stream.position import HEAD, Position, at_time

BUCKET = 3
COUNTING = LAYOUT.bucket_of(SHARD)


def bundle(after: int, *numbers: int, through: int = 0, clock: int = ARRIVAL) -> Bundle:
    items = [BundleItem(str(n), ARRIVAL, cloud_event(0, "dtmf", number=n)) for n in numbers]
    progress = SourceProgress(SHARD, text(after), text(through or numbers[-1]), clock)
    return Bundle(LAYOUT.fingerprint, BUCKET, progress, items)


def mark(*progress: SourceProgress, bucket: int = BUCKET) -> Mark:
    return Mark(LAYOUT.fingerprint, bucket, list(progress))


def text(number: int) -> str:
    return str(number) if number else ""


def at(number: int, seen_to: int = ARRIVAL) -> Position:
    return Position("after", str(number), seen_to)


def had(*positions: tuple[str, Position]) -> Receipt:
    return Receipt(LAYOUT, BUCKET, dict(positions))


def numbers(batches: list[DecodedBatch]) -> list[str]:
    return [one.sequence_number for batch in batches for one in batch.deliveries]


@given(st.data())
def test_statements_in_any_order_that_leaves_no_hole_give_each_item_once(
    data: st.DataObject,
) -> None:
    """True statements of drawn stretches, any number of times: a bucket has what is up to its mark,
    and refuses what begins beyond it.
    """
    mine = data.draw(st.sets(st.integers(1, 20)))
    receipt, high, found = had((SHARD, HEAD)), 0, list[str]()
    for _ in range(data.draw(st.integers(1, 25))):
        after = data.draw(st.integers(0, 20))
        through = data.draw(st.integers(max(after, 1), 20))
        stretch = [n for n in range(after + 1, through + 1) if n in mine]
        one = bundle(after, *stretch, through=through)
        if after > high:
            with pytest.raises(ChainBroken):
                receipt.take(one)
            continue
        batches, repeated = receipt.take(one)
        assert repeated == sum(n <= high for n in stretch)
        assert len(batches) == (through > high)
        found += numbers(batches)
        high = max(high, through)
    assert found == [str(n) for n in sorted(mine) if n <= high]


def test_a_batch_is_as_the_source_had_it() -> None:
    receipt = had((SHARD, at(5, 1)))
    ((batch,), repeated) = receipt.take(bundle(5, 7, 9, through=12))
    assert (batch.shard, batch.records, repeated) == (SHARD, 2, 0)
    assert batch.position == at(12)
    assert {one.shard for one in batch.deliveries} == {SHARD}
    assert [one.arrival for one in batch.deliveries] == [ARRIVAL, ARRIVAL]
    assert not batch.gap


@pytest.mark.parametrize(
    "position", [None, HEAD, at_time(ARRIVAL, ARRIVAL), at(5), Position("trim_horizon", "", 9)]
)
def test_a_bundle_that_begins_beyond_what_the_bucket_has_is_refused(
    position: Position | None,
) -> None:
    receipt = Receipt(LAYOUT, BUCKET, {} if position is None else {SHARD: position})
    with pytest.raises(ChainBroken) as refused:
        receipt.take(bundle(6, 7))
    error = refused.value
    has = "5" if position == at(5) else ""
    assert (error.bucket, error.shard, error.has, error.after) == (BUCKET, SHARD, has, "6")
    assert SHARD in str(error)
    assert error.exit_code == 1


@pytest.mark.parametrize("position", [None, HEAD, at_time(ARRIVAL, ARRIVAL), at(1)])
def test_a_bundle_from_a_shards_start_is_taken_by_all(position: Position | None) -> None:
    receipt = Receipt(LAYOUT, BUCKET, {} if position is None else {SHARD: position})
    assert numbers(receipt.take(bundle(0, 1, 2)).batches)[-1] == "2"


def test_nothing_of_a_mark_is_taken_where_one_of_its_chains_is_broken() -> None:
    receipt = had((SHARD, at(5)), ("other", at(5)))
    good, bad = SourceProgress(SHARD, "5", "9"), SourceProgress("other", "6", "9")
    with pytest.raises(ChainBroken):
        receipt.take(mark(good, bad))
    assert len(receipt.take(mark(good)).batches) == 1


def test_numbers_are_compared_as_numbers() -> None:
    receipt = had((SHARD, at(99)))
    assert numbers(receipt.take(bundle(99, 100)).batches) == ["100"]
    zeros = bundle(99, 100)
    zeros.items[0] = BundleItem("000100", ARRIVAL, b"")
    assert receipt.take(zeros) == ([], 1)


def test_a_later_clock_at_the_same_place_is_news_and_an_earlier_one_is_not() -> None:
    receipt = had((SHARD, at(5)))
    ((batch,), _) = receipt.take(mark(SourceProgress(SHARD, "5", "5", ARRIVAL + 7)))
    assert batch.position == at(5, ARRIVAL + 7)
    assert receipt.take(mark(SourceProgress(SHARD, "5", "5", ARRIVAL + 7))).batches == []
    assert receipt.take(mark(SourceProgress(SHARD, "4", "4", ARRIVAL + 9))).batches == []
    ((batch,), _) = receipt.take(bundle(5, 6, clock=ARRIVAL))
    assert batch.position == at(6, ARRIVAL + 7)


@pytest.mark.parametrize("position", [HEAD, at_time(ARRIVAL, ARRIVAL)])
def test_a_shard_without_records_keeps_its_beginning_and_has_a_clock(position: Position) -> None:
    receipt = had((SHARD, position))
    ((batch,), _) = receipt.take(mark(SourceProgress(SHARD, "", "", ARRIVAL + 5)))
    assert batch.position == position._replace(seen_to=ARRIVAL + 5)
    assert numbers(receipt.take(bundle(0, 1)).batches) == ["1"]


def test_of_an_ended_shard_all_is_had_already() -> None:
    receipt = had((SHARD, at(5)), ("child", HEAD))
    end = SourceProgress(SHARD, "5", "9", ARRIVAL, ended=True, children=("child", "other"))
    ((batch,), _) = receipt.take(mark(end))
    assert batch.ended
    assert batch.children == dict.fromkeys(("child", "other"), HEAD._replace(seen_to=ARRIVAL))
    assert receipt.take(bundle(5, 6, 7)) == ([], 2)
    assert receipt.take(bundle(9, 10)) == ([], 1)
    assert receipt.take(mark(end)) == ([], 0)


def test_a_child_that_has_begun_goes_on_where_it_is() -> None:
    receipt = had((SHARD, at(5)), ("child", at(7)), ("done", Position("ended", "", 1)))
    children = ("child", "done", "new")
    end = SourceProgress(SHARD, "5", "5", ARRIVAL, ended=True, children=children)
    ((batch,), _) = receipt.take(mark(end))
    assert set(batch.children) == {"new"}


@pytest.mark.parametrize("counts", [True, False])
def test_a_gap_is_told_by_one_bucket(counts: bool) -> None:
    bucket = COUNTING if counts else (COUNTING + 1) % LAYOUT.buckets
    receipt = Receipt(LAYOUT, bucket, {SHARD: at(5, ARRIVAL)})
    late = SourceProgress(SHARD, "5", "9", ARRIVAL + 20, horizon=ARRIVAL + 10)
    ((batch,), _) = receipt.take(mark(late, bucket=bucket))
    assert batch.gap is counts
    again = SourceProgress(SHARD, "9", "10", ARRIVAL + 20, horizon=ARRIVAL + 10)
    ((batch,), _) = receipt.take(mark(again, bucket=bucket))
    assert not batch.gap


def test_what_is_of_another_fleet_or_bucket_is_refused() -> None:
    receipt = had((SHARD, at(5)))
    for other in (Mark(1, BUCKET, []), Mark(LAYOUT.fingerprint, BUCKET + 1, [])):
        with pytest.raises(Misconfigured, match="keyed stream"):
            receipt.take(other)


def test_other_names_among_a_states_positions_are_left_alone() -> None:
    receipt = had(("keyed/shardId-1", at(77)), (SHARD, at(5)))
    ((batch,), _) = receipt.take(bundle(5, 6))
    assert batch.shard == SHARD


def test_a_moved_state_learns_the_time_of_a_shard_that_has_been_silent_since() -> None:
    """Its router has read nothing yet, and so begins all that it says at the shard's beginning."""
    receipt = had((SHARD, at(7)))
    (batch,), _ = receipt.take(mark(SourceProgress(SHARD, "", "", ARRIVAL + 60_000)))
    assert batch.position == at(7, ARRIVAL + 60_000)
