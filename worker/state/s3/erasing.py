"""Erasure in a bucket: rewrites the segments that hold erased data, and deletes the old ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from msgspec.structs import replace

from worker.errors import CorruptState, Fenced
from worker.objectstore.parallel import each
from worker.objectstore.retrying import Access
from worker.partition.delta import merge_all
from worker.partition.erasure import Erasure
from worker.state.s3.compaction import LocateBlock
from worker.state.s3.index import EvictedIndex
from worker.state.s3.manifest import (
    SEGMENTS,
    Archive,
    Extent,
    LogSegment,
    Manifest,
    OutboxEntryRef,
    SegmentRef,
)
from worker.state.s3.ownership import Ownership, corrupt
from worker.state.s3.segment import (
    EvictedBlock,
    Footer,
    Segment,
    build_segment,
    from_block,
    read_footer,
    to_block,
    unpack_session,
)
from worker.state.store import Edit, ErasedState


class Whole(NamedTuple):
    """A segment's bytes, those before its footer only if it can hold sessions and bodies."""

    ref: SegmentRef
    data: bytes
    footer: Footer


class KeptBlocks(NamedTuple):
    """The blocks of a segment to keep, with the old extents of sessions and the entry ids of
    bodies; and what isn't kept: the digests of sessions, the number of those that were still
    findable, and the entries that lost some of their contents. ``touched``: whether the segment
    holds anything to erase.
    """

    evicted: list[tuple[EvictedBlock, Extent]]
    bodies: list[tuple[int, bytes]]
    erased: list[bytes]
    found: int
    edited: list[OutboxEntryRef]
    touched: bool


def kept_of(
    whole: Whole,
    outbox: Iterable[OutboxEntryRef],
    erasure: Erasure,
    edit: Edit,
    locate: LocateBlock,
) -> KeptBlocks:
    """Return what to keep of a segment. ``locate`` finds the sessions that are still kept. Pure.

    Raises ``CorruptState`` for a block that can't be read.
    """
    kept = KeptBlocks([], [], [], 0, [], touched=False)
    found, touched = 0, False
    name = erasure.sid.encode()
    for extent in whole.footer.evicted:
        place = Extent(whole.ref.number, extent.start, extent.length)
        block = _block(whole, place)
        current = locate(extent.digest) == place
        if name in from_block(block) and erasure.covers(unpack_session(block).state.key):
            kept.erased.append(extent.digest)
            found, touched = found + current, True
        elif current:
            kept.evicted.append((EvictedBlock(extent.digest, extent.closed_at, block), place))
    for entry in outbox:
        if entry.place.number != whole.ref.number:
            continue
        block = _block(whole, entry.place)
        body = from_block(block)
        left = edit(entry.kind, body)
        if left != body:
            kept.edited.append(entry)
            touched = True
            block = to_block(left)
        if left:
            kept.bodies.append((entry.id, block))
    return kept._replace(found=found, touched=touched)


class Eraser:
    """Erases in a bucket. For one thread, of an owner that does nothing else. ``readers``: segments
    read at once.
    """

    def __init__(self, access: Access, owner: Ownership, readers: int) -> None:
        self._access = access
        self._owner = owner
        self._readers = readers

    def erase(self, index: EvictedIndex, erasure: Erasure, edit: Edit) -> ErasedState:
        """See ``Store.erase``."""
        manifest = self._owner.manifest
        log = each(self._part, manifest.log, self._readers)
        deltas = (one.footer.delta for one in log if one.footer.delta is not None)
        state, resident = erasure.without(merge_all(deltas, self._access.url))
        change = _Change(manifest)
        with ExitStack() as written:

            def write(segment: Segment) -> SegmentRef:
                return written.enter_context(self._owner.written(segment))

            for archive in manifest.archives:
                whole = self._whole(archive.ref, 0)
                kept = self._kept(whole, manifest, erasure, edit, index)
                if kept.touched:
                    change.replace([kept], write)
                else:
                    change.archives.append(archive)
            fresh = [self._kept(one, manifest, erasure, edit, index) for one in log]
            change.replace(fresh, write)
            merged = write(build_segment(state))
            with self._owner.lock:
                self._owner.swap(
                    manifest.erased(
                        self._owner.nonce(), merged, tuple(change.archives), change.outbox()
                    )
                )
                index.drop(change.erased)
                index.move(change.moves)
        maybe_sent = sum(one.ambiguous > 0 for one in change.edited)
        return ErasedState(
            resident, change.found, len(change.edited), maybe_sent, cleared=self._clear()
        )

    def _kept(
        self, whole: Whole, manifest: Manifest, erasure: Erasure, edit: Edit, index: EvictedIndex
    ) -> KeptBlocks:
        try:
            return kept_of(whole, manifest.outbox, erasure, edit, index.find)
        except CorruptState as error:
            raise corrupt(self._access.url, manifest, whole.ref.name, error) from error

    def _part(self, segment: LogSegment) -> Whole:
        return self._whole(segment.ref, 0 if segment.fresh else segment.ref.footer)

    def _whole(self, ref: SegmentRef, start: int) -> Whole:
        data = self._access.read_range(ref.name, start, ref.size - start)
        if data is None:
            raise self._owner.missing(ref.name)
        try:
            return Whole(ref, data, read_footer(data[ref.footer - start :]))
        except CorruptState as error:
            raise corrupt(self._access.url, self._owner.manifest, ref.name, error) from error

    def _clear(self) -> bool:
        """Delete what the manifest doesn't name; False if that is left to another owner.

        Ownership is confirmed after the listing, so that everything listed is this owner's or an
        earlier one's.
        """
        listed = list(self._access.keys(SEGMENTS))
        try:
            with self._owner.lock:
                self._owner.confirm()
                live = self._owner.live()
        except Fenced:
            return False
        for name in listed:
            if name not in live:
                self._access.delete(name)
        return True


class _Change:
    """The changes to a manifest."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self.archives: list[Archive] = []
        self.moves: list[tuple[bytes, Extent, Extent]] = []
        self.erased: list[bytes] = []
        self.edited: list[OutboxEntryRef] = []
        self.found = 0
        self._bodies: dict[int, Extent] = {}

    def replace(self, kept: Sequence[KeptBlocks], write: Callable[[Segment], SegmentRef]) -> None:
        """Move the sessions and bodies of these segments to one archive."""
        evicted = [one for part in kept for one in part.evicted]
        bodies = [one for part in kept for one in part.bodies]
        for part in kept:
            self.erased += part.erased
            self.edited += part.edited
            self.found += part.found
        if not evicted and not bodies:
            return
        segment = build_segment(
            None, (block for _, block in bodies), (block for block, _ in evicted)
        )
        ref = write(segment)
        newest = max((block.closed_at for block, _ in evicted), default=None)
        self.archives.append(Archive(ref, newest))
        for (id_, _), body in zip(bodies, segment.bodies, strict=True):
            self._bodies[id_] = Extent(ref.number, *body)
        for (block, old), new in zip(evicted, segment.evicted, strict=True):
            self.moves.append((block.digest, old, Extent(ref.number, new.start, new.length)))

    def outbox(self) -> tuple[OutboxEntryRef, ...]:
        """Return the entries that keep some contents, with the new extents of their bodies."""
        edited = {one.id for one in self.edited}
        return tuple(
            replace(one, place=self._bodies[one.id]) if one.id in self._bodies else one
            for one in self._manifest.outbox
            if one.id in self._bodies or one.id not in edited
        )


def _block(whole: Whole, place: Extent) -> bytes:
    return whole.data[place.start : place.start + place.length]
