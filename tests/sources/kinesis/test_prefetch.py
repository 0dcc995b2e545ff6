from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.sources.kinesis.pacing import MOST_BYTES
from worker.sources.kinesis.prefetch import RECORD_BYTES, Prefetch
from worker.sources.kinesis.shard_consumer import Batch
from worker.stream.position import HEAD
from worker.stream.record import Record

MOST = 64 << 20


def a_batch(shard: str, records: int = 0) -> Batch:
    made = [Record(shard, str(n), 0, b"", "") for n in range(records)]
    return Batch(shard, made, HEAD, None, 0, False, {})


def begun(prefetch: Prefetch, size: int) -> list[str]:
    """Calls begun, each to a shard of its own, until no other may begin."""
    calls: list[str] = []
    while not prefetch.full and len(calls) < 1000:
        calls.append(f"shard {len(calls)}")
        prefetch.reserve(calls[-1], size)
    return calls


def test_as_many_calls_begin_as_have_room_while_their_answers_come() -> None:
    assert len(begun(Prefetch(MOST), MOST_BYTES)) == 3
    assert len(begun(Prefetch(MOST), MOST_BYTES // 10)) == 22


def test_a_call_begins_however_little_there_is_room_for() -> None:
    assert len(begun(Prefetch(1), MOST_BYTES)) == 1


def test_an_answer_that_came_takes_its_own_room_and_no_longer_what_was_reserved() -> None:
    prefetch = Prefetch(MOST)
    for shard in begun(prefetch, MOST_BYTES):
        prefetch.unreserve(shard)
        prefetch.put(a_batch(shard), 1)
    assert not prefetch.full
    prefetch.put(a_batch("large"), MOST - 4)
    assert not prefetch.full
    prefetch.put(a_batch("one more"), 1)
    assert prefetch.full


def test_small_records_count_with_what_they_take_besides_their_data() -> None:
    prefetch = Prefetch(1000 * RECORD_BYTES)
    prefetch.put(a_batch("a", 999), 0)
    assert not prefetch.full
    prefetch.put(a_batch("b", 1), 0)
    assert prefetch.full


@given(st.lists(st.integers(0, 100), max_size=20), st.lists(st.integers(1, 300)))
def test_batches_are_drained_in_order_by_portions_and_each_makes_room(
    sizes: list[int], portions: list[int]
) -> None:
    prefetch = Prefetch(1)
    for n, size in enumerate(sizes):
        prefetch.put(a_batch(str(n)), size)
    drained: list[str] = []
    for most in [*portions, 1 << 40]:
        names = [batch.shard for batch in prefetch.drain(most)]
        of_all_but_the_last = sum(sizes[int(name)] for name in names[:-1])
        assert of_all_but_the_last < most
        drained += names
        left = sum(sizes[len(drained) :])
        assert prefetch.full == (left > 0)
        assert names or len(drained) == len(sizes)
    assert drained == [str(n) for n in range(len(sizes))]
