"""Which shards pause, and the progress of each; over a partition that reads nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.partition.delta import Delta, decode_delta, encode_delta
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.service.shards import Shards, backpressure_share
from worker.stream.position import CARRIER, Position, carrier_at

NOW = 1_790_942_400_000
LEAD = 300_000
LIMIT = 1000

SIZES = st.integers(0, 2 * LIMIT)
CLOCKS = st.dictionaries(st.sampled_from("abcd"), st.integers(NOW, NOW + 2 * LEAD), min_size=1)
TURNS = st.lists(st.tuples(CLOCKS, st.sampled_from((0.0, 0.5, 1.0)), st.floats(0, 10)))


def partition(clocks: dict[str, int]) -> Partition:
    """All of whose shards have been read so far."""
    positions = {shard: Position("after", "1", at) for shard, at in clocks.items()}
    return Partition(Rules(), Delta(stream_time=NOW, clocks=clocks, positions=positions))


def pauses(shards: Shards, backpressure: float, at_s: float) -> bool:
    shards.turn(backpressure, at_s)
    return all(one.paused for one in shards.progress(at_s).values())


def test_nothing_rests_up_to_half_of_the_limit_and_all_does_from_nine_tenths_on() -> None:
    assert [backpressure_share(size, LIMIT) for size in (0, 500, 900, 5000)] == [0, 0, 1, 1]
    assert 0 < backpressure_share(501, LIMIT) < backpressure_share(899, LIMIT) < 1


@given(SIZES, SIZES)
def test_the_fuller_the_outbox_the_longer_reading_rests(one: int, other: int) -> None:
    assert backpressure_share(min(one, other), LIMIT) <= backpressure_share(max(one, other), LIMIT)


@given(st.integers(0, 20), st.integers(0, 1000))
def test_the_share_in_which_reading_rests_is_a_share_of_any_two_seconds(
    twentieths: int, begin: int
) -> None:
    shards = Shards(partition({"a": NOW}), LEAD)
    moments = (begin + tenth / 10 + 0.05 for tenth in range(20))
    rested = sum(pauses(shards, twentieths / 20, at_s) for at_s in moments)
    assert rested == twentieths


@given(TURNS)
def test_what_pauses_is_returned_once_and_so_is_what_resumes(
    turns: list[tuple[dict[str, int], float, float]],
) -> None:
    """However shards come and go in between."""
    read = partition({"a": NOW})
    shards = Shards(read, LEAD)
    paused: set[str] = set()
    for clocks, backpressure, at_s in turns:
        for shard in set(read.positions) - set(clocks):
            read.forget_shard(shard)
        for shard, clock in clocks.items():
            read.move(shard, Position("after", "1", clock))
        pausing, going_on = shards.turn(backpressure, at_s)
        assert not pausing & paused
        assert going_on <= paused
        paused = (paused | pausing) - going_on
        assert paused == {name for name, one in shards.progress(at_s).items() if one.paused}


def test_a_shard_that_has_ended_neither_pauses_nor_reports() -> None:
    read = partition({"a": NOW, "b": NOW})
    shards = Shards(read, LEAD)
    shards.answered("a", 7, 0.0)
    assert shards.turn(1.0, 0.0) == ({"a", "b"}, set())
    read.move("a", Position("ended", "", NOW))
    assert shards.turn(1.0, 0.0) == (set(), {"a"})
    assert set(shards.progress(0.0)) == {"b"}


def test_a_carrier_neither_holds_time_back_nor_pauses_nor_reports() -> None:
    read = partition({"a": NOW})
    read.move(CARRIER + "a", carrier_at("7", 1))
    shards = Shards(read, LEAD)
    assert shards.live() == ["a"]
    read.advance(shards.live())
    assert read.now == NOW
    assert shards.turn(1.0, 0.0) == ({"a"}, set())
    assert set(shards.progress(0.0)) == {"a"}


def test_the_position_of_a_carrier_is_restored_without_a_clock() -> None:
    read = partition({"a": NOW})
    read.move(CARRIER + "a", carrier_at("7", 1, ended=True))
    restored = Partition(Rules(), decode_delta(encode_delta(read.commit()[0])))
    assert restored.positions[CARRIER + "a"] == Position("carrier_ended", "7", 1)
    assert CARRIER + "a" not in restored.time.clocks
