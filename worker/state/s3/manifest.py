"""The manifest: the one small object that defines what an S3 state consists of. Pure.

The manifest names the segments whose deltas, in order, are the state, and the archives that closed
sessions and outbox bodies were moved to; it holds the owner's epoch and the status of the outbox's
entries. Every change of a state derives a new manifest from the one before, by one of the methods
below, and a nonce makes its bytes different from those of any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple
from zlib import crc32

import msgspec
from msgspec.structs import replace

from worker.errors import CorruptState
from worker.outbox.entries import DeliveryOutcome, EntryKind, Settled
from worker.state.store import Backlog

MANIFEST_VERSION: Final = 1
SEGMENTS: Final = "segments/"
"""The prefix of all segments' names."""

_MAGIC: Final = "voice-insights-state"


class SegmentRef(msgspec.Struct, array_like=True, frozen=True):
    """A segment. ``number`` is unique within a manifest; ``footer``: the offset of its footer."""

    number: int
    nonce: str
    size: int
    footer: int

    @property
    def name(self) -> str:
        """The object's key; keys ascend with the numbers."""
        return f"{SEGMENTS}{self.number:012d}-{self.nonce}"


class LogSegment(msgspec.Struct, array_like=True, frozen=True):
    """A segment whose delta is part of the state: that of the commits ``first`` to ``last``."""

    ref: SegmentRef
    first: int
    last: int

    @property
    def fresh(self) -> bool:
        """Whether a commit wrote the segment; only then can it hold sessions and bodies."""
        return self.ref.number == self.first

    @property
    def weight(self) -> int:
        """The bytes that a start reads."""
        return self.ref.size - self.ref.footer


class Archive(msgspec.Struct, array_like=True, frozen=True):
    """A segment of closed sessions and bodies. ``newest``: when the last of its sessions closed
    (epoch ms), None if it holds none.
    """

    ref: SegmentRef
    newest: int | None


class Extent(NamedTuple):
    """A range of bytes in the segment ``number``."""

    number: int
    start: int
    length: int


class OutboxEntryRef(msgspec.Struct, array_like=True, frozen=True):
    """An entry of the outbox; its body is the block at ``place``."""

    id: int
    kind: EntryKind
    place: Extent
    created_at: int
    sending: bool = False
    attempts: int = 0
    ambiguous: int = 0


class PlacedEntry(NamedTuple):
    """A new entry whose body has been written."""

    kind: EntryKind
    place: Extent
    created_at: int
    ambiguous: int


class Manifest(msgspec.Struct, frozen=True):
    """``forget_before``: closed sessions that closed earlier (epoch ms) count as dropped. ``log``
    is in the order of the commits; ``archives`` in that of their creation, and all are older than
    any fresh segment of the log; ``outbox`` is in the order of the ids.
    """

    stream: str
    epoch: int = 0
    nonce: str = ""
    next_number: int = 1
    next_entry: int = 1
    forget_before: int | None = None
    log: tuple[LogSegment, ...] = ()
    archives: tuple[Archive, ...] = ()
    outbox: tuple[OutboxEntryRef, ...] = ()

    def refs(self) -> list[SegmentRef]:
        """Return all live segments."""
        return [*(one.ref for one in self.archives), *(one.ref for one in self.log)]

    def pending(self, kind: EntryKind, most: int) -> list[OutboxEntryRef]:
        """Return the oldest entries of a kind that aren't being sent."""
        pending = (one for one in self.outbox if one.kind == kind and not one.sending)
        return [one for one, _ in zip(pending, range(most), strict=False)]

    def place_of(self, id_: int) -> Extent | None:
        """Return where an entry's body is; None if the entry has left the outbox."""
        return next((one.place for one in self.outbox if one.id == id_), None)

    def backlog(self) -> Backlog:
        """Return how much waits in the outbox."""
        return Backlog(
            len(self.outbox),
            sum(one.place.length for one in self.outbox),
            sum(one.ambiguous for one in self.outbox),
            min((one.created_at for one in self.outbox), default=None),
        )

    def taken(self, nonce: str) -> Manifest:
        """Return the manifest with a new owner. Attempts that were in flight become ambiguous."""
        outbox = tuple(
            replace(one, sending=False, ambiguous=one.ambiguous + 1) if one.sending else one
            for one in self.outbox
        )
        return replace(self, epoch=self.epoch + 1, nonce=nonce, outbox=outbox)

    def of_stream(self, nonce: str, stream: str) -> Manifest:
        """Return the manifest of the same state as that of another ``stream``."""
        return replace(self, nonce=nonce, stream=stream)

    def appended(
        self,
        nonce: str,
        ref: SegmentRef,
        new_entries: Iterable[PlacedEntry],
        forget_before: int | None,
    ) -> Manifest:
        """Return the manifest with one more commit."""
        horizons = [one for one in (self.forget_before, forget_before) if one is not None]
        return replace(
            self._logged(ref)._enqueued(new_entries),
            nonce=nonce,
            forget_before=max(horizons, default=None),
        )

    def claimed(self, nonce: str, ids: Iterable[int]) -> Manifest:
        """Return the manifest with these entries marked as being sent."""
        claimed = set(ids)
        outbox = tuple(
            replace(one, sending=True, attempts=one.attempts + 1) if one.id in claimed else one
            for one in self.outbox
        )
        return replace(self, nonce=nonce, outbox=outbox)

    def settled(
        self,
        nonce: str,
        settled: Iterable[Settled],
        ref: SegmentRef | None,
        replacements: Iterable[PlacedEntry],
    ) -> Manifest:
        """Return the manifest with these outcomes. ``replacements`` replace entries that have
        ended; their bodies are in the segment ``ref``.
        """
        entries = {one.id: one for one in self.outbox}
        for one in settled:
            if one.outcome.is_final:
                entries.pop(one.id, None)
            elif one.id in entries:
                entry = entries[one.id]
                more = one.outcome is DeliveryOutcome.AMBIGUOUS
                entries[one.id] = replace(entry, sending=False, ambiguous=entry.ambiguous + more)
        changed = replace(self, nonce=nonce, outbox=tuple(entries.values()))
        return changed if ref is None else changed._logged(ref)._enqueued(replacements)

    def compacted(
        self,
        nonce: str,
        replaced: Sequence[LogSegment],
        merged: SegmentRef,
        archive: Archive | None,
        bodies: Mapping[int, Extent],
    ) -> Manifest:
        """Return the manifest with ``merged`` in place of consecutive log segments, and with the
        other contents of these segments in ``archive``: ``bodies`` has the new extents of outbox
        bodies, by entry. Archives that are no longer needed are dropped.
        """
        whole = LogSegment(merged, replaced[0].first, replaced[-1].last)
        at = self.log.index(replaced[0])
        outbox = tuple(
            replace(one, place=bodies[one.id]) if one.id in bodies else one for one in self.outbox
        )
        used = {one.place.number for one in outbox}
        archives = (*self.archives, *((archive,) if archive else ()))
        new = [merged, *((archive.ref,) if archive else ())]
        return replace(
            self,
            nonce=nonce,
            next_number=max(self.next_number, *(ref.number + 1 for ref in new)),
            log=(*self.log[:at], whole, *self.log[at + len(replaced) :]),
            archives=tuple(one for one in archives if self._keeps(one) or one.ref.number in used),
            outbox=outbox,
        )

    def erased(
        self,
        nonce: str,
        merged: SegmentRef,
        archives: tuple[Archive, ...],
        outbox: tuple[OutboxEntryRef, ...],
    ) -> Manifest:
        """Return the manifest with ``merged`` in place of the whole log, and with these archives
        and entries in place of all others.
        """
        first = self.log[0].first if self.log else merged.number
        last = self.log[-1].last if self.log else merged.number
        numbers = [merged.number, *(one.ref.number for one in archives)]
        return replace(
            self,
            nonce=nonce,
            next_number=max(self.next_number, *(number + 1 for number in numbers)),
            log=(LogSegment(merged, first, last),),
            archives=archives,
            outbox=outbox,
        )

    def _keeps(self, archive: Archive) -> bool:
        if archive.newest is None:
            return False
        return self.forget_before is None or archive.newest >= self.forget_before

    def _logged(self, ref: SegmentRef) -> Manifest:
        return replace(
            self,
            next_number=max(self.next_number, ref.number + 1),
            log=(*self.log, LogSegment(ref, ref.number, ref.number)),
        )

    def _enqueued(self, new_entries: Iterable[PlacedEntry]) -> Manifest:
        new = tuple(
            OutboxEntryRef(
                id_, entry.kind, entry.place, entry.created_at, ambiguous=entry.ambiguous
            )
            for id_, entry in enumerate(new_entries, self.next_entry)
        )
        return replace(self, next_entry=self.next_entry + len(new), outbox=self.outbox + new)


def encode_manifest(manifest: Manifest) -> bytes:
    """Return a line with the version and a checksum, then a line of JSON."""
    body = _ENCODER.encode(manifest)
    return b"%s %d %08x\n%s\n" % (_MAGIC.encode(), MANIFEST_VERSION, crc32(body), body)


def decode_manifest(data: bytes) -> Manifest:
    """Return the manifest that these bytes encode. Raises ``CorruptState``, also for an unknown
    version.
    """
    head, _, body = data.partition(b"\n")
    words = head.decode("ascii", "replace").split(" ")
    if len(words) != 3 or words[0] != _MAGIC or not words[1].isdecimal():
        raise CorruptState("it isn't a manifest")
    decoder = _DECODERS.get(int(words[1]))
    if decoder is None:
        raise CorruptState(f"it is of version {words[1]}, this release reads {_KNOWN}")
    body = body.removesuffix(b"\n")
    if words[2] != f"{crc32(body):08x}":
        raise CorruptState("its checksum is wrong")
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as error:
        raise CorruptState(str(error)) from error


_ENCODER: Final = msgspec.json.Encoder()
_DECODERS: Final = {1: msgspec.json.Decoder(Manifest)}
"""Decoders by version. A release that writes version N keeps the decoder of N-1."""

_KNOWN: Final = " and ".join(map(str, _DECODERS))
