"""The manifest: each change is a new one, and what can't be read is refused."""

from __future__ import annotations

from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.state.commits import NOON, STREAM
from worker.errors import CorruptState
from worker.outbox.entries import DeliveryOutcome, Settled
from worker.state.s3.manifest import (
    MANIFEST_VERSION,
    SEGMENTS,
    Archive,
    Extent,
    LogSegment,
    Manifest,
    OutboxEntryRef,
    PlacedEntry,
    SegmentRef,
    decode_manifest,
    encode_manifest,
)

EMPTY = Manifest(STREAM)
numbers = st.integers(1, 10**6)
places = st.builds(Extent, numbers, numbers, numbers)
refs = st.builds(SegmentRef, numbers, st.text("0123456789abcdef", min_size=1), numbers, numbers)
manifests = st.builds(
    Manifest,
    st.text(),
    numbers,
    st.text(),
    numbers,
    numbers,
    st.none() | numbers,
    st.lists(st.builds(LogSegment, refs, numbers, numbers), max_size=2).map(tuple),
    st.lists(st.builds(Archive, refs, st.none() | numbers), max_size=2).map(tuple),
    st.lists(
        st.builds(
            OutboxEntryRef, numbers, st.sampled_from(["metrics", "records"]), places, numbers
        ),
        max_size=2,
    ).map(tuple),
)


def ref(number: int, size: int = 100, footer: int = 60) -> SegmentRef:
    return SegmentRef(number, f"{number:x}", size, footer)


def placed(number: int, start: int = 0) -> PlacedEntry:
    return PlacedEntry("metrics", Extent(number, start, 10), NOON, 0)


def appended(commits: int) -> Manifest:
    """Each commit with one entry."""
    manifest = EMPTY.taken("t")
    for n in range(1, commits + 1):
        manifest = manifest.appended(f"n{n}", ref(n), [placed(n)], None)
    return manifest


@given(manifests)
def test_it_comes_back_as_it_was(manifest: Manifest) -> None:
    assert decode_manifest(encode_manifest(manifest)) == manifest


@given(manifests, st.data())
def test_damage_anywhere_is_refused(manifest: Manifest, data: st.DataObject) -> None:
    good = encode_manifest(manifest)
    at = data.draw(st.integers(0, len(good) - 2))  # its last byte is a line's end
    flipped = bytearray(good)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    for damaged in (bytes(flipped), good[:at]):
        with pytest.raises(CorruptState):
            decode_manifest(damaged)


@given(manifests)
def test_one_nonce_more_is_other_bytes(manifest: Manifest) -> None:
    assert encode_manifest(manifest) != encode_manifest(
        replace(manifest, nonce=manifest.nonce + "0")
    )


def test_this_release_reads_what_it_writes_and_what_the_one_before_wrote_and_no_other() -> None:
    good = encode_manifest(EMPTY)
    for version in range(MANIFEST_VERSION + 3):
        other = good.replace(b"state %d " % MANIFEST_VERSION, b"state %d " % version)
        if version in (MANIFEST_VERSION, MANIFEST_VERSION - 1) and version > 0:
            assert decode_manifest(other) == EMPTY
        else:
            with pytest.raises(
                CorruptState, match=f"of version {version}, .* reads .*{MANIFEST_VERSION}"
            ):
                decode_manifest(other)


@pytest.mark.parametrize("data", [b"", b"\n", b"{}\n", b"voice-insights-state x 0\n", b"\xff" * 9])
def test_what_is_no_manifest_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(CorruptState, match="isn't a manifest"):
        decode_manifest(data)


def test_a_body_of_another_shape_is_refused_whatever_its_checksum() -> None:
    for body in (b"[]", b'{"stream": 5}', b"{"):
        head = b"voice-insights-state %d %08x\n" % (MANIFEST_VERSION, crc32(body))
        with pytest.raises(CorruptState):
            decode_manifest(head + body + b"\n")


def test_names_of_segments_are_in_the_order_of_their_numbers() -> None:
    names = [ref(n).name for n in (1, 9, 10, 10**11)]
    assert names == sorted(names)
    assert all(name.startswith(SEGMENTS) for name in names)


def test_a_new_owner_raises_the_epoch_and_knows_nothing_of_what_was_being_sent() -> None:
    manifest = appended(2).claimed("c", [1])
    taken = manifest.taken("t2")
    assert taken.epoch == manifest.epoch + 1
    assert [(one.sending, one.ambiguous) for one in taken.outbox] == [(False, 1), (False, 0)]


def test_a_claimed_entry_is_not_pending_until_it_is_known_not_to_have_been_applied() -> None:
    manifest = appended(3).claimed("c", [1, 2])
    assert [one.id for one in manifest.pending("metrics", 9)] == [3]
    outcomes = [Settled(1, DeliveryOutcome.NOT_APPLIED), Settled(2, DeliveryOutcome.APPLIED)]
    settled = manifest.settled("s", outcomes, None, [])
    assert [(one.id, one.attempts, one.ambiguous) for one in settled.pending("metrics", 9)] == [
        (1, 1, 0),
        (3, 0, 0),
    ]


def test_ids_of_entries_are_never_used_again() -> None:
    manifest = appended(2).claimed("c", [1, 2])
    gone = [Settled(1, DeliveryOutcome.APPLIED), Settled(2, DeliveryOutcome.INVALID)]
    settled = manifest.settled("s", gone, ref(3), [placed(3)])
    assert [one.id for one in settled.outbox] == [3]


def test_what_is_forgotten_once_stays_forgotten() -> None:
    manifest = EMPTY.appended("a", ref(1), [], 50).appended("b", ref(2), [], 40)
    assert manifest.appended("c", ref(3), [], None).forget_before == 50


def test_compaction_puts_one_segment_in_the_place_of_many_and_moves_bodies() -> None:
    manifest = appended(4)
    archive = Archive(ref(6), NOON)
    bodies = {2: Extent(6, 0, 10), 3: Extent(6, 10, 10)}
    compacted = manifest.compacted("c", manifest.log[1:3], ref(5), archive, bodies)
    assert [(one.ref.number, one.first, one.last) for one in compacted.log] == [
        (1, 1, 1),
        (5, 2, 3),
        (4, 4, 4),
    ]
    assert [one.fresh for one in compacted.log] == [True, False, True]
    assert [one.place.number for one in compacted.outbox] == [1, 6, 6, 4]
    assert {one.number for one in compacted.refs()} == {1, 4, 5, 6}
    assert compacted.next_number == 7


def test_an_archive_goes_when_its_sessions_are_forgotten_and_its_bodies_are_sent() -> None:
    manifest = appended(2)
    archive = Archive(ref(4), NOON)
    kept = manifest.compacted("c", manifest.log, ref(3), archive, {1: Extent(4, 0, 10)})
    assert kept.archives == (archive,)
    late = kept.appended("f", ref(5), [], NOON + 1)

    def again(one: Manifest, merged: int) -> Manifest:
        return one.compacted("g", one.log, ref(merged), None, {})

    assert again(late, 6).archives == (archive,)  # an entry's body is still there
    sent = late.claimed("h", [1, 2]).settled(
        "i", [Settled(1, DeliveryOutcome.APPLIED), Settled(2, DeliveryOutcome.APPLIED)], None, []
    )
    assert again(sent, 6).archives == ()
