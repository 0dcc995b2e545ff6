"""The production store: one prefix of an S3 bucket, with fencing and without a server.

A commit writes a segment under a name that is never used again, then compares and swaps the
manifest, which names all live segments and holds the status of the outbox's entries and the owner's
epoch. Only a swap changes a state; an owner that finds the manifest changed by another has been
fenced. Segments that a swap no longer names are deleted later, by a sweep.
"""

from __future__ import annotations

import random as randomness
import secrets
import time
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Final, TypeVar

from worker.errors import CorruptState
from worker.events.event import SessionKey
from worker.objectstore.api import ObjectStore
from worker.objectstore.parallel import each
from worker.objectstore.retrying import Access, CallFailed
from worker.outbox.entries import Entry, EntryKind, NewEntry, Settled
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import Delta
from worker.partition.erasure import Erasure
from worker.state.s3 import manifest as manifests
from worker.state.s3.erasing import Eraser
from worker.state.s3.index import EvictedIndex
from worker.state.s3.ledger import NoteStore
from worker.state.s3.maintenance import Maintainer, MaintenanceSchedule
from worker.state.s3.manifest import Extent, OutboxEntryRef, PlacedEntry, SegmentRef
from worker.state.s3.ownership import MANIFEST, Ownership, corrupt
from worker.state.s3.restoring import Restoring, find, find_readable
from worker.state.s3.segment import (
    Segment,
    build_segment,
    digest,
    from_block,
    pack_session,
    to_block,
    unpack_session,
)
from worker.state.store import Backlog, Commit, Edit, ErasedState

READERS: Final = 8

_T = TypeVar("_T")


class S3Store:
    """A ``Store`` in a bucket. Thread-safe: swaps are serialized, while bodies and sessions are
    read and written beside them.

    ``sleep`` (seconds) waits between attempts while S3 is unavailable; an error that it raises ends
    the call, and also the ownership, if the result of a swap is unknown then. ``random`` returns
    numbers in [0, 1), ``nonce`` texts that are never repeated. ``readers``: calls made at once.
    """

    def __init__(
        self,
        objects: ObjectStore,
        *,
        observer: Callable[[CallFailed], object],
        sleep: Callable[[float], object] = time.sleep,
        random: Callable[[], float] = randomness.random,
        nonce: Callable[[], str] = lambda: secrets.token_hex(8),
        schedule: MaintenanceSchedule = MaintenanceSchedule(),  # noqa: B008
        readers: int = READERS,
    ) -> None:
        self._access = Access(objects, sleep, random, observer)
        self._owner = Ownership(self._access, nonce)
        self._maintainer = Maintainer(self._access, self._owner, schedule, readers)
        self._readers = readers
        self._compacting = Lock()
        self._index = EvictedIndex()
        self._ledger = NoteStore(self._access)

    def acquire(self, stream: str) -> Delta:
        """See ``Store.acquire``.

        Everything is read once before the epoch is raised, so that unreadable data changes nothing
        and the current owner continues meanwhile; its later commits are read after that.
        """
        with self._compacting, self._owner.lock:
            restoring = Restoring(self._access, self._readers)
            found = find_readable(lambda: find(self._access, stream), self._access, restoring)
            while True:
                taken = found.manifest.taken(self._owner.nonce())
                etag = self._access.replace(MANIFEST, manifests.encode_manifest(taken), found.etag)
                if etag is not None:
                    break
                found = find(self._access, stream)
            if (missing := restoring.read(taken)) is not None:
                raise corrupt(self._access.url, taken, missing, "it is missing")
            whole, index = restoring.whole(taken), restoring.index(taken)
            self._index.close()
            self._index = index
            self._owner.own(taken, etag)
        self._access.outlast_denials()
        return whole

    def append(self, commit: Commit) -> None:
        """See ``Store.append``."""
        bodies = (to_block(entry.body) for entry in commit.new_entries)
        segment = build_segment(commit.delta, bodies, map(pack_session, commit.evicted))
        owner = self._owner
        with owner.written(segment) as ref, owner.lock:
            new_entries = _placed(commit.new_entries, ref, segment)
            owner.swap(
                owner.manifest.appended(owner.nonce(), ref, new_entries, commit.forget_before)
            )
            self._index.add(ref.number, segment.evicted)
            self._index.forget(owner.manifest.forget_before)

    def load_sessions(self, keys: Iterable[SessionKey]) -> dict[SessionKey, EvictedSession]:
        """See ``Store.load_sessions``."""
        digests = {digest(key): key for key in keys}
        kept = [one for one in digests if self._index.find(one) is not None]
        loaded = zip(kept, each(self._evicted, kept, self._readers), strict=True)
        return {digests[one]: evicted for one, evicted in loaded if evicted is not None}

    def claim(self, kind: EntryKind, most: int) -> list[Entry]:
        """See ``Store.claim``. Bodies are read before their entries are marked, so an entry that
        can't be read isn't marked as being sent.
        """
        owner = self._owner
        bodies: dict[int, bytes] = {}
        while True:
            wanted = [one for one in owner.manifest.pending(kind, most) if one.id not in bodies]
            read = zip(wanted, each(self._body, wanted, self._readers), strict=True)
            bodies.update((one.id, body) for one, body in read if body is not None)
            with owner.lock:
                pending = owner.manifest.pending(kind, most)
                if not pending:
                    owner.confirm()
                    return []
                if all(one.id in bodies for one in pending):
                    ids = [one.id for one in pending]
                    owner.swap(owner.manifest.claimed(owner.nonce(), ids))
                    return [_entry(one, bodies[one.id]) for one in pending]

    def settle(self, settled: Iterable[Settled]) -> None:
        """See ``Store.settle``. One swap records all outcomes, after their notes have been
        written.
        """
        outcomes = list(settled)
        new_entries = [entry for one in outcomes for entry in one.replacements]
        owner = self._owner
        self._ledger.keep(
            [one.note for one in outcomes if one.note is not None], owner.manifest.epoch
        )
        if new_entries:
            segment = build_segment(None, (to_block(entry.body) for entry in new_entries))
            with owner.written(segment) as ref, owner.lock:
                self._settle(outcomes, ref, _placed(new_entries, ref, segment))
        else:
            with owner.lock:
                if outcomes:
                    self._settle(outcomes, None, [])
                else:
                    owner.confirm()

    def waiting_kinds(self) -> set[EntryKind]:
        """See ``Store.waiting_kinds``."""
        return {entry.kind for entry in self._owner.manifest.outbox}

    def backlog(self) -> Backlog:
        """See ``Store.backlog``."""
        return self._owner.manifest.backlog()

    def size(self) -> int:
        """See ``Store.size``. Segments that are no longer live don't count."""
        return sum(ref.size for ref in self._owner.manifest.refs())

    def compact(self) -> None:
        """See ``Store.compact``. Reads and writes run beside commits; only the swap is serialized
        with them.
        """
        with self._compacting:
            self._maintainer.maintain(self._index)
            self._ledger.forget()

    def erase(self, erasure: Erasure, edit: Edit) -> ErasedState:
        """See ``Store.erase``. Old versions of objects, where a bucket keeps them, remain."""
        with self._compacting:
            eraser = Eraser(self._access, self._owner, self._readers)
            return eraser.erase(self._index, erasure, edit)

    def hand_over(self, to: str) -> None:
        """See ``Erasable.hand_over``."""
        owner = self._owner
        with owner.lock:
            owner.swap(owner.manifest.of_stream(owner.nonce(), to))

    def close(self) -> None:
        """See ``Store.close``."""
        self._index.close()

    def _settle(
        self, settled: list[Settled], ref: SegmentRef | None, replacements: list[PlacedEntry]
    ) -> None:
        manifest = self._owner.manifest
        self._owner.swap(manifest.settled(self._owner.nonce(), settled, ref, replacements))

    def _evicted(self, key: bytes) -> EvictedSession | None:
        return self._block(lambda: self._index.find(key), unpack_session)

    def _body(self, entry: OutboxEntryRef) -> bytes | None:
        return self._block(lambda: self._owner.manifest.place_of(entry.id), from_block)

    def _block(self, locate: Callable[[], Extent | None], read: Callable[[bytes], _T]) -> _T | None:
        """Return the contents of a block; None if it no longer exists. Compaction may move it
        during the search.
        """
        place = locate()
        while place is not None:
            name = self._owner.name(place.number)
            if name is not None:
                block = self._access.read_range(name, place.start, place.length)
                if block is not None:
                    return self._read(name, block, read)
            with self._owner.lock:  # a swap and the index's change are atomic under the lock
                moved = locate()
            if moved == place:
                raise self._owner.missing(name or f"the segment {place.number}")
            place = moved
        return None

    def _read(self, name: str, block: bytes, read: Callable[[bytes], _T]) -> _T:
        try:
            return read(block)
        except CorruptState as error:
            raise corrupt(self._access.url, self._owner.manifest, name, error) from error


def _entry(ref: OutboxEntryRef, body: bytes) -> Entry:
    return Entry(ref.id, ref.kind, body, ref.created_at, ref.attempts, ref.ambiguous)


def _placed(
    new_entries: Iterable[NewEntry], ref: SegmentRef, segment: Segment
) -> list[PlacedEntry]:
    return [
        PlacedEntry(entry.kind, Extent(ref.number, *extent), entry.created_at, entry.ambiguous)
        for entry, extent in zip(new_entries, segment.bodies, strict=True)
    ]
