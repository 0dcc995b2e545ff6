"""A bucket stays the same bucket, and is always on exactly one open shard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fleet.routed import LAYOUT
from worker.errors import CorruptState
from worker.fleet.layout import MAX_BUCKETS, Layout, decode_layout, encode_layout

LAST = (1 << 128) - 1
SIZES = st.integers(1, MAX_BUCKETS)


def sized(buckets: int) -> Layout:
    return Layout(source="a", keyed="b", buckets=buckets)


def test_the_buckets_of_sessions_never_change() -> None:
    sessions = ["VX0", "VX1", "VXf4a1", "CA-1/2", "", "\u00e9"]
    assert [sized(16).bucket_of(one) for one in sessions] == [0, 6, 12, 1, 0, 14]
    assert [sized(5).bucket_of(one) for one in sessions] == [0, 4, 2, 3, 0, 1]


def test_the_hash_keys_of_buckets_never_change() -> None:
    assert [sized(1).hash_key(0), sized(2).hash_key(0)] == [1 << 127, 1 << 126]
    assert sized(16).hash_key(5) == 11 << 123
    assert sized(3).hash_key(2) == (5 << 128) // 6


@given(SIZES)
def test_each_bucket_is_a_point_of_its_own_in_the_hash_key_space(buckets: int) -> None:
    keys = [sized(buckets).hash_key(one) for one in range(buckets)]
    assert keys == sorted(set(keys))
    assert all(0 <= one <= LAST for one in keys)
    for bucket, key in enumerate(keys):
        assert bucket == key * buckets >> 128


@given(SIZES, st.lists(st.tuples(st.booleans(), st.integers(0, LAST)), max_size=12))
def test_splits_and_merges_neither_lose_nor_divide_a_bucket(
    buckets: int, changes: list[tuple[bool, int]]
) -> None:
    shards = [(0, LAST)]
    for split, number in changes:
        at = number % len(shards)
        first, last = shards[at]
        if split and first < last:
            middle = first + 1 + number % (last - first)
            shards[at : at + 1] = [(first, middle - 1), (middle, last)]
        elif at + 1 < len(shards):
            shards[at : at + 2] = [(first, shards[at + 1][1])]
        carried = [one for shard in shards for one in sized(buckets).buckets_between(*shard)]
        assert carried == list(range(buckets))


def test_states_of_buckets_lie_apart_and_belong_to_one_fleet() -> None:
    assert LAYOUT.location("s3://bucket/prefix", 3) == "s3://bucket/prefix/bucket-03"
    assert LAYOUT.location("/var/fleet/", 12) == "/var/fleet/bucket-12"
    others = [
        LAYOUT,
        Layout(source="x", keyed=LAYOUT.keyed, buckets=8),
        Layout(source=LAYOUT.source, keyed="x", buckets=8),
        Layout(source=LAYOUT.source, keyed=LAYOUT.keyed, buckets=9),
    ]
    assert len({one.identity(bucket) for one in others for bucket in (0, 1)}) == 8
    assert len({one.fingerprint for one in others}) == 4


@given(SIZES, st.sampled_from(["trim_horizon", 0, 1_790_942_400_000]))
def test_a_layout_is_read_as_it_was_written(buckets: int, start: int) -> None:
    layout = Layout(source="a", keyed="b", buckets=buckets, start=start)
    assert decode_layout(encode_layout(layout)) == layout


def test_the_layout_of_this_release_is_read_by_every_later_one() -> None:
    stored = b'{"source":"a","keyed":"b","buckets":16,"start":1790942400000,"version":1}'
    layout = Layout(source="a", keyed="b", buckets=16, start=1_790_942_400_000)
    assert decode_layout(stored) == layout
    assert layout.fingerprint == 2911194504
    assert layout.identity(15) == "a by b, bucket 15 of 16"


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"[]", b'{"version":1}', b"\xff", b'{"version":"1"}'),
        b'{"source":"a","keyed":"b","buckets":0,"start":"trim_horizon","version":1}',
        b'{"source":"a","keyed":"b","buckets":16,"start":"latest","version":1}',
        b'{"source":"a","keyed":"b","buckets":16,"version":2}',
    ],
)
def test_what_is_no_layout_of_a_known_version_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptState, match="layout"):
        decode_layout(data)


@pytest.mark.parametrize("buckets", [-1, 0, MAX_BUCKETS + 1])
def test_a_layout_has_some_buckets_and_not_too_many(buckets: int) -> None:
    with pytest.raises(ValueError, match="buckets"):
        sized(buckets)
