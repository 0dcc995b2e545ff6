"""A bundle is read as it was written, by later releases too, and whatever else comes is refused."""

from __future__ import annotations

import resource
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fleet.routed import SHARD
from worker.errors import Unreadable
from worker.events.decode import MAX_PARTS
from worker.fleet.bundles import (
    BUNDLE_VERSION,
    MAX_PLAIN_BYTES,
    Bundle,
    BundleItem,
    Mark,
    SourceProgress,
    bundle_compressor,
    decode_bundle,
    encode_bundle,
)

NAMES = st.text(max_size=60)
NUMBERS = st.integers(0, 1 << 62)
ITEMS = st.builds(
    BundleItem,
    NAMES,
    NUMBERS,
    st.binary(max_size=200),
    st.none() | st.integers(0, MAX_PARTS),
    st.booleans(),
    NAMES,
)
PROGRESS = st.builds(
    SourceProgress,
    *(NAMES, NAMES, NAMES, NUMBERS, NUMBERS, st.booleans()),
    st.lists(NAMES, max_size=3).map(tuple),
    NUMBERS,
)
BUNDLES = st.one_of(
    st.builds(Bundle, NUMBERS, NUMBERS, PROGRESS, st.lists(ITEMS, max_size=5)),
    st.builds(Mark, NUMBERS, NUMBERS, st.lists(PROGRESS, max_size=5)),
)


def sealed(plain: Any) -> bytes:
    return bytes([BUNDLE_VERSION]) + zstandard.compress(plain)


def packed(*values: Any) -> bytes:
    return sealed(msgspec.msgpack.encode(values))


@given(BUNDLES)
def test_a_bundle_is_read_as_it_was_written(bundle: Bundle | Mark) -> None:
    assert decode_bundle(encode_bundle(bundle)) == bundle


@given(st.lists(BUNDLES, max_size=3))
def test_a_compressor_that_is_used_again_changes_nothing(bundles: list[Bundle | Mark]) -> None:
    compressor = bundle_compressor()
    for one in bundles:
        assert encode_bundle(one, compressor) == encode_bundle(one)


@given(BUNDLES, st.data())
def test_a_damaged_bundle_is_refused_or_is_one(bundle: Bundle | Mark, data: st.DataObject) -> None:
    whole = bytearray(encode_bundle(bundle))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    try:
        found = decode_bundle(bytes(whole))
    except Unreadable:
        return
    assert isinstance(found, Bundle | Mark)


@settings(max_examples=300)
@given(st.binary(max_size=300).map(sealed) | st.binary(max_size=300))
def test_any_bytes_are_refused_or_are_a_bundle(data: bytes) -> None:
    refused = ""
    try:
        decode_bundle(data)
    except Unreadable as error:
        refused = str(error)
    assert len(refused) < 400


HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "another version": bytes([BUNDLE_VERSION + 1]) + encode_bundle(Mark(1, 1, []))[1:],
    "not compressed": bytes([BUNDLE_VERSION]) + msgspec.msgpack.encode([2, 1, 1, []]),
    "gigabytes of zeros": bytes([BUNDLE_VERSION])
    + zstandard.ZstdCompressor(19).compress(bytes(1 << 30)),
    "a frame of no known size": bytes([BUNDLE_VERSION])
    + zstandard.ZstdCompressor(write_content_size=False).compress(bytes(99)),
    "two frames": encode_bundle(Mark(1, 1, [])) + zstandard.compress(b"more"),
    "cut off": encode_bundle(Mark(1, 1, []))[:-1],
    "four thousand million items": sealed(b"\x95\x01\x01\x01\x93\xa1a\xa0\xa0\xdd\xff\xff\xff\xff"),
    "a text of four gigabytes": sealed(b"\x95\x01\x01\x01\x93\xdb\xff\xff\xff\xff"),
    "too many items": packed(1, 1, 1, ("a", "", ""), [("1", 0, b"")] * (MAX_PARTS + 1)),
    "too many shards": packed(2, 1, 1, [("a", "", "")] * 10_001),
    "too many children": packed(2, 1, 1, [("a", "", "", 0, 0, True, ["b"] * 65)]),
    "a name too long": packed(2, 1, 1, [("a" * 5_000, "", "")]),
    "deep": sealed(b"\x91" * 100_000),
    "no UTF-8": sealed(b"\x94\x02\x01\x01\x91\x93\xa1\xff\xa0\xa0"),
    "another kind": packed(3, 1, 1, []),
    "an item that is none": packed(1, 1, 1, ("a", "", ""), [7]),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_hostile_is_refused_in_bounded_memory(kind: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Unreadable):
        decode_bundle(HOSTILE[kind])
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < 8 * MAX_PLAIN_BYTES


def test_a_bundle_may_hold_the_largest_record() -> None:
    item = BundleItem("9" * 56, 1, bytes(10 << 20))
    bundle = Bundle(1, 2, SourceProgress(SHARD, "", "9" * 56), [item])
    assert decode_bundle(encode_bundle(bundle)) == bundle


def test_a_bundle_may_hold_the_record_with_the_most_parts() -> None:
    items = [BundleItem("9" * 56, 1 << 41, bytes(500), one, True) for one in range(MAX_PARTS)]
    bundle = Bundle(1, 2, SourceProgress(SHARD, "", "9" * 56), items)
    assert decode_bundle(encode_bundle(bundle)) == bundle
