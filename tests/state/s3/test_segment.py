"""Segments: what is read is what was written, or it is refused."""

from __future__ import annotations

from struct import Struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.state.commits import NOON, deltas, key, packed
from worker.errors import CorruptState
from worker.partition.commit_outputs import Packed
from worker.partition.delta import Delta
from worker.sessions.state import Session
from worker.state.s3.segment import (
    VERSION,
    build,
    digest,
    from_piece,
    pack,
    read_tail,
    to_piece,
    unpack,
)

VERSION_AT = -8
"""Where the trailer has its version: two bytes, before six that say what it is."""

bodies = st.lists(st.binary(max_size=50), max_size=3)
sessions = st.lists(st.integers(0, 9), max_size=3, unique=True)


def of_version(data: bytes, version: int) -> bytes:
    return data[:VERSION_AT] + Struct("<H").pack(version) + data[VERSION_AT + 2 :]


@given(st.none() | deltas, bodies, sessions)
def test_delta_bodies_and_sessions_come_back_each_from_its_place(
    delta: Delta | None, outgoing: list[bytes], numbers: list[int]
) -> None:
    away = [packed(n, NOON + n) for n in numbers]
    segment = build(delta, map(to_piece, outgoing), map(pack, away))
    tail = read_tail(segment.data[segment.tail :])
    assert tail.delta == delta
    assert tail.packed == segment.packed
    pieces = [segment.data[start : start + length] for start, length in segment.bodies]
    assert [from_piece(piece) for piece in pieces] == outgoing
    for one, spot in zip(away, segment.packed, strict=True):
        assert spot.digest == digest(one.state.key)
        assert unpack(segment.data[spot.start : spot.start + spot.length]) == one


@given(deltas, bodies, sessions, st.data())
def test_a_tail_that_is_damaged_anywhere_is_refused(
    delta: Delta, outgoing: list[bytes], numbers: list[int], data: st.DataObject
) -> None:
    segment = build(delta, map(to_piece, outgoing), map(pack, map(packed, numbers)))
    tail = segment.data[segment.tail :]
    at = data.draw(st.integers(0, len(tail) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = bytearray(tail)
    flipped[at] ^= 1 << bit
    for damaged in (bytes(flipped), tail[:at], tail[at + 1 :]):
        with pytest.raises(CorruptState):
            read_tail(damaged)


@given(st.binary(max_size=60), st.data())
def test_a_piece_that_is_damaged_anywhere_is_refused(body: bytes, data: st.DataObject) -> None:
    piece = to_piece(body)
    at = data.draw(st.integers(0, len(piece) - 1))
    flipped = bytearray(piece)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    for damaged in (bytes(flipped), piece[:at]):
        with pytest.raises(CorruptState):
            from_piece(damaged)


@given(st.binary(max_size=40))
def test_what_is_no_packed_session_is_refused_whatever_its_checksum(body: bytes) -> None:
    with pytest.raises(CorruptState):
        unpack(to_piece(b"\x01\xc1" + body))


def test_a_packed_session_of_an_unknown_version_is_refused() -> None:
    data = from_piece(pack(packed(1)).piece)
    assert unpack(to_piece(data)) == packed(1)
    with pytest.raises(CorruptState, match=r"of version 2, .* reads 1"):
        unpack(to_piece(b"\x02" + data[1:]))


def test_this_release_reads_what_it_writes_and_what_the_one_before_wrote_and_no_other() -> None:
    tail = read_segment(VERSION)
    assert tail == Delta(counters={"n": 1})
    for version in range(VERSION + 3):
        if version in (VERSION, VERSION - 1) and version > 0:
            read_segment(version)
        else:
            with pytest.raises(CorruptState, match=f"of version {version}, .* reads .*{VERSION}"):
                read_segment(version)


def read_segment(version: int) -> Delta | None:
    segment = build(Delta(counters={"n": 1}))
    return read_tail(of_version(segment.data[segment.tail :], version)).delta


def test_an_unknown_version_of_a_delta_is_refused_in_a_known_segment() -> None:
    known = Delta().version
    segment = build(Delta(version=known + 1))
    with pytest.raises(CorruptState, match=f"delta is of version {known + 1}, .* reads {known}"):
        read_tail(segment.data[segment.tail :])


def test_a_segment_without_a_delta_changes_no_state() -> None:
    segment = build(None, [to_piece(b"body")])
    assert read_tail(segment.data[segment.tail :]).delta is None


def test_keys_that_differ_in_any_part_have_digests_of_their_own() -> None:
    keys = {key(n) for n in range(9)}
    one = key(1)
    keys |= {replace(one, **{part: "other"}) for part in one.__struct_fields__}
    assert len({digest(each) for each in keys}) == len(keys)


def test_a_session_that_never_closed_counts_as_closed_at_the_beginning_of_time() -> None:
    assert pack(Packed(Session(key(1), NOON, 5), b"")).closed_at == 0
    assert pack(packed(1, NOON + 7)).closed_at == NOON + 7
