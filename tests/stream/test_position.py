"""A position is what a consumer commits: it is stored as it is, and says how far a shard is."""

from __future__ import annotations

import pytest

from worker.partition.delta import Delta, decode_delta, encode_delta
from worker.stream.position import HEAD, Position, at_time


@pytest.mark.parametrize(
    ("position", "started", "ended"),
    [
        (HEAD, False, False),
        (at_time(1_790_942_400_123, 5), False, False),
        (Position("after", "49", 5), True, False),
        (Position("ended", "", 5), False, True),
    ],
)
def test_a_position_says_whether_its_shard_was_begun_and_whether_it_is_done(
    position: Position, *, started: bool, ended: bool
) -> None:
    assert (position.started, position.ended) == (started, ended)


def test_the_oldest_record_is_where_nothing_is_known_yet() -> None:
    assert HEAD == ("trim_horizon", "", 0)


def test_what_is_restored_of_a_commit_are_positions_again() -> None:
    positions = {"a": Position("after", "49", 5), "b": HEAD}
    restored = decode_delta(encode_delta(Delta(positions=positions))).positions
    assert restored == positions
    assert {type(position) for position in restored.values()} == {Position}


def test_the_stored_form_is_an_array_of_kind_value_and_time() -> None:
    stored = b"\xa5after\xa249\x05"
    assert b"\x93" + stored in encode_delta(Delta(positions={"a": Position("after", "49", 5)}))
