"""Stream time is the least of the clocks that count, and never runs backwards."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.partition.stream_time import StreamTime

shards = st.sampled_from("abcd")
steps = st.one_of(
    st.tuples(st.just("observe"), shards, st.integers(0, 1000)),
    st.tuples(st.just("forget"), shards, st.just(0)),
    st.tuples(st.just("advance"), st.sets(shards).map("".join), st.just(0)),
)


def step(time: StreamTime, kind: str, names: str, instant: int) -> None:
    if kind == "observe":
        time.observe(names, instant)
    elif kind == "forget":
        time.forget(names)
    else:
        time.advance(names)


@given(st.lists(steps, max_size=40))
def test_it_is_monotone_and_never_ahead_of_a_shard_that_counts(
    some: list[tuple[str, str, int]],
) -> None:
    time = StreamTime()
    for kind, names, instant in some:
        before, clocks = time.now, dict(time.clocks)
        step(time, kind, names, instant)
        if kind != "advance" or not names or not all(name in clocks for name in names):
            assert time.now == before
        else:
            least = min(clocks[name] for name in names)
            assert time.now == (least if before is None else max(before, least))


@given(st.lists(steps, max_size=30), st.integers(0, 30))
def test_it_goes_on_after_a_restart_as_if_there_had_been_none(
    some: list[tuple[str, str, int]], cut: int
) -> None:
    steady, restarted = StreamTime(), StreamTime()
    for n, (kind, names, instant) in enumerate(some):
        if n == cut:
            restarted = StreamTime(restarted.now, restarted.clocks)
        for time in (steady, restarted):
            step(time, kind, names, instant)
    assert (steady.now, steady.clocks) == (restarted.now, restarted.clocks)


def test_a_clock_is_the_latest_time_seen_of_its_shard() -> None:
    time = StreamTime()
    for instant in (50, 20, 70, 60):
        time.observe("a", instant)
    assert time.clocks == {"a": 70}


def test_without_any_shard_time_stands_still() -> None:
    time = StreamTime(50, {"a": 99})
    assert time.advance([]) == 50
    assert StreamTime().advance([]) is None


def test_a_child_without_a_clock_holds_time_until_something_is_read_from_it() -> None:
    time = StreamTime(0, {"parent": 80})
    assert time.advance(["parent", "child"]) == 0
    time.observe("child", 40)
    assert time.advance(["parent", "child"]) == 40


def test_a_shard_read_to_its_end_no_longer_counts() -> None:
    time = StreamTime(None, {"ended": 10, "open": 90})
    time.forget("ended")
    assert time.advance(["open"]) == 90
    time.forget("never heard of")


def test_the_shard_that_holds_time_back_can_be_named() -> None:
    time = StreamTime(0, {"a": 30, "b": 10, "c": 10})
    assert time.behind("abc") == "b"
    assert time.behind("abcd") == "d"
    assert time.behind("") is None


def test_shards_far_ahead_of_stream_time_are_named() -> None:
    time = StreamTime(100, {"a": 100, "b": 150, "c": 151})
    assert time.ahead("abcd", 50) == {"c"}
    assert StreamTime(None, {"a": 999}).ahead("a", 0) == set()
