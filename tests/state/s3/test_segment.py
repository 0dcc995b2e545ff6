"""Segments: what is read is what was written, or it is refused."""

from __future__ import annotations

from struct import Struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.state.commits import NOON, deltas, evicted, key
from worker.errors import CorruptState
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import Delta
from worker.sessions.state import Session
from worker.state.s3.segment import (
    SEGMENT_VERSION,
    build_segment,
    digest,
    from_block,
    pack_session,
    read_footer,
    to_block,
    unpack_session,
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
    away = [evicted(n, NOON + n) for n in numbers]
    segment = build_segment(delta, map(to_block, outgoing), map(pack_session, away))
    footer = read_footer(segment.data[segment.footer :])
    assert footer.delta == delta
    assert footer.evicted == segment.evicted
    blocks = [segment.data[start : start + length] for start, length in segment.bodies]
    assert [from_block(block) for block in blocks] == outgoing
    for one, spot in zip(away, segment.evicted, strict=True):
        assert spot.digest == digest(one.state.key)
        assert unpack_session(segment.data[spot.start : spot.start + spot.length]) == one


@given(deltas, bodies, sessions, st.data())
def test_a_footer_that_is_damaged_anywhere_is_refused(
    delta: Delta, outgoing: list[bytes], numbers: list[int], data: st.DataObject
) -> None:
    segment = build_segment(
        delta, map(to_block, outgoing), map(pack_session, map(evicted, numbers))
    )
    footer = segment.data[segment.footer :]
    at = data.draw(st.integers(0, len(footer) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = bytearray(footer)
    flipped[at] ^= 1 << bit
    for damaged in (bytes(flipped), footer[:at], footer[at + 1 :]):
        with pytest.raises(CorruptState):
            read_footer(damaged)


@given(st.binary(max_size=60), st.data())
def test_a_block_that_is_damaged_anywhere_is_refused(body: bytes, data: st.DataObject) -> None:
    block = to_block(body)
    at = data.draw(st.integers(0, len(block) - 1))
    flipped = bytearray(block)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    for damaged in (bytes(flipped), block[:at]):
        with pytest.raises(CorruptState):
            from_block(damaged)


@given(st.binary(max_size=40))
def test_what_is_no_evicted_session_is_refused_whatever_its_checksum(body: bytes) -> None:
    with pytest.raises(CorruptState):
        unpack_session(to_block(b"\x01\xc1" + body))


def test_an_evicted_session_of_an_unknown_version_is_refused() -> None:
    data = from_block(pack_session(evicted(1)).block)
    assert unpack_session(to_block(data)) == evicted(1)
    with pytest.raises(CorruptState, match=r"of version 2, .* reads 1"):
        unpack_session(to_block(b"\x02" + data[1:]))


def test_this_release_reads_what_it_writes_and_what_the_one_before_wrote_and_no_other() -> None:
    footer = read_segment(SEGMENT_VERSION)
    assert footer == Delta(counters={"n": 1})
    for version in range(SEGMENT_VERSION + 3):
        if version in (SEGMENT_VERSION, SEGMENT_VERSION - 1) and version > 0:
            read_segment(version)
        else:
            with pytest.raises(
                CorruptState, match=f"of version {version}, .* reads .*{SEGMENT_VERSION}"
            ):
                read_segment(version)


def read_segment(version: int) -> Delta | None:
    segment = build_segment(Delta(counters={"n": 1}))
    return read_footer(of_version(segment.data[segment.footer :], version)).delta


def test_an_unknown_version_of_a_delta_is_refused_in_a_known_segment() -> None:
    known = Delta().version
    segment = build_segment(Delta(version=known + 1))
    with pytest.raises(CorruptState, match=f"delta is of version {known + 1}, .* reads {known}"):
        read_footer(segment.data[segment.footer :])


def test_a_segment_without_a_delta_changes_no_state() -> None:
    segment = build_segment(None, [to_block(b"body")])
    assert read_footer(segment.data[segment.footer :]).delta is None


def test_keys_that_differ_in_any_part_have_digests_of_their_own() -> None:
    keys = {key(n) for n in range(9)}
    one = key(1)
    keys |= {replace(one, **{part: "other"}) for part in one.__struct_fields__}
    assert len({digest(each) for each in keys}) == len(keys)


def test_a_session_that_never_closed_counts_as_closed_at_the_beginning_of_time() -> None:
    assert pack_session(EvictedSession(Session(key(1), NOON, 5), b"")).closed_at == 0
    assert pack_session(evicted(1, NOON + 7)).closed_at == NOON + 7
