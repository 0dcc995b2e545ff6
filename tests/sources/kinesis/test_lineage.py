from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from worker.sources.kinesis.lineage import (
    ShardInfo,
    StreamDescription,
    after_refusal,
    child_position,
    children_of,
    expired_shards,
    first_positions,
    may_begin,
    may_have_lost,
    trim_horizon,
)
from worker.stream.position import Position, at_time

DAY = 86_400_000
NOW = 1_800_000_000_000

PARENT = ShardInfo("p")
OTHER = ShardInfo("o")
CHILD = ShardInfo("c", ("p",))
MERGED = ShardInfo("m", ("p", "o"))


def a_survey(*shards: ShardInfo, created: int = 0, now: int = NOW) -> StreamDescription:
    return StreamDescription("arn", created, DAY, now, shards)


def test_latest_is_the_servers_time_for_each_listed_shard_closed_ones_too() -> None:
    positions = first_positions(a_survey(PARENT, CHILD), "latest")
    assert positions == dict.fromkeys(("p", "c"), Position("at_timestamp", str(NOW), NOW))


@given(st.integers(0, NOW))
def test_a_start_at_a_time_never_lies_after_it_and_is_in_whole_seconds(stamp: int) -> None:
    position = first_positions(a_survey(PARENT), stamp)["p"]
    assert 0 <= stamp - int(position.value) < 1000
    assert int(position.value) % 1000 == 0
    assert position.seen_to == stamp


def test_a_start_at_the_trim_horizon_misses_nothing_since_it_wants_what_there_is() -> None:
    position = first_positions(a_survey(PARENT), "trim_horizon")["p"]
    assert position == Position("trim_horizon")
    assert not may_have_lost(position, NOW)


def test_a_child_begins_once_every_listed_parent_has_handed_over_its_end() -> None:
    known = {"p", "o", "m"}
    assert not may_begin(MERGED, known, set())
    assert not may_begin(MERGED, known, {"p"})
    assert may_begin(MERGED, known, {"p", "o"})


def test_a_parent_that_the_stream_has_trimmed_holds_no_child_back() -> None:
    assert may_begin(CHILD, {"c"}, set())


def test_children_are_found_by_either_parent() -> None:
    shards = (PARENT, OTHER, CHILD, MERGED)
    assert children_of("p", shards) == (CHILD, MERGED)
    assert children_of("o", shards) == (MERGED,)


def test_a_child_starts_at_its_beginning_seen_as_far_as_its_parents() -> None:
    parents = [Position("ended", "", 5), Position("ended", "", 7)]
    assert child_position(parents) == Position("trim_horizon", "", 7)
    assert child_position([]) == Position("trim_horizon", "", 0)


def test_a_stream_younger_than_its_retention_has_trimmed_nothing() -> None:
    young = a_survey(created=NOW - DAY + 1)
    assert trim_horizon(young, NOW) == 0
    assert trim_horizon(young, NOW + 2) == NOW + 2 - DAY


def test_records_may_be_lost_only_if_the_shard_was_not_seen_to_the_trim_horizon() -> None:
    assert may_have_lost(Position("after", "1", 99), 100)
    assert not may_have_lost(Position("after", "1", 100), 100)
    assert not may_have_lost(Position("ended", "", 99), 100)


def test_a_refused_position_goes_on_at_the_trim_horizon_with_a_gap() -> None:
    position = Position("after", "1", NOW - 2 * DAY)
    assert after_refusal(position, NOW - DAY) == (
        Position("trim_horizon", "", NOW - 2 * DAY),
        True,
    )


def test_a_refused_position_of_a_shard_never_seen_may_have_lost_anything() -> None:
    assert after_refusal(Position("after", "1", 0), 0) == (Position("trim_horizon"), True)


def test_a_refused_position_of_a_shard_seen_to_be_empty_loses_nothing() -> None:
    position, lost = after_refusal(Position("after", "1", NOW - 5), NOW - DAY)
    assert not lost
    assert position.kind == "at_timestamp"
    assert int(position.value) <= NOW - 60_000
    assert position.seen_to == NOW - 5


def test_an_ended_shard_is_kept_while_it_is_listed_or_could_be() -> None:
    old = Position("ended", "", NOW - DAY - 1)
    recent = Position("ended", "", NOW - DAY)
    listing = a_survey(PARENT)
    assert expired_shards({"p": old}, listing) == frozenset()
    assert expired_shards({"x": recent}, listing) == frozenset()
    assert expired_shards({"x": old, "y": recent}, listing) == {"x"}
    assert expired_shards({"x": old._replace(kind="after", value="1")}, listing) == frozenset()


@given(
    st.builds(
        Position,
        st.sampled_from(["after", "at_timestamp", "trim_horizon", "ended"]),
        st.text(),
        st.integers(0, 1 << 53),
    )
)
def test_a_position_comes_back_from_json_as_it_was(position: Position) -> None:
    assert msgspec.json.decode(msgspec.json.encode(position), type=Position) == position


def test_a_time_before_the_first_second_is_the_first() -> None:
    assert at_time(999, 999).value == "0"
