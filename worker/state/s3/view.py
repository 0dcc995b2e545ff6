"""A read-only view of a state in a bucket, while its owner may be running.

The view acquires and writes nothing, so the owner isn't disturbed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import NamedTuple

from worker.errors import BadInput, CorruptState
from worker.objectstore.retrying import Access
from worker.outbox.destination import RequestFormat
from worker.outbox.entries import EntryKind
from worker.outbox.ledger import Note
from worker.partition.commit_outputs import EvictedSession
from worker.state.s3.index import EvictedIndex
from worker.state.s3.ledger import notes_since
from worker.state.s3.manifest import Manifest, OutboxEntryRef, SegmentRef
from worker.state.s3.ownership import corrupt
from worker.state.s3.restoring import FoundManifest, Restoring, find_readable, look
from worker.state.s3.segment import EvictedExtent, from_block, unpack_session
from worker.state.s3.store import READERS
from worker.state.view import LedgerNotes, StateContents, Taken, WaitingEntries


class S3View:
    """A ``StateView`` of a state in a bucket."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self.location = access.url

    def taken(self) -> Taken:
        """See ``StateView.taken``."""
        manifest = _look(self._access).manifest
        return Taken(manifest.stream, manifest.epoch)

    def find_sessions(self, sid: str | None) -> list[EvictedSession]:
        """See ``StateView.find_sessions``."""
        return find_sessions(self._access, sid)

    def find_closed_sessions(self, sid: str) -> list[EvictedSession]:
        """See ``StateView.find_closed_sessions``."""
        return _closed_sessions(self._access, sid).found

    def found_sparse(self) -> bool:
        """See ``StateView.found_sparse``."""
        restoring = Restoring(self._access, READERS)
        found = find_readable(lambda: _look(self._access), self._access, restoring)
        return restoring.whole(found.manifest).found_sparse

    def ledger_since(self, since: int, formats: Mapping[EntryKind, RequestFormat]) -> LedgerNotes:
        """See ``StateView.ledger_since``."""
        return ledger_since(self._access, since, formats)

    def notes(self) -> list[Note]:
        """See ``StateView.notes``."""
        waits = {entry.id for entry in _look(self._access).manifest.outbox}
        return [note for note in notes_since(self._access, 0) if note.entry not in waits]

    def contents(self) -> StateContents:
        """See ``StateView.contents``."""
        restoring = Restoring(self._access, READERS)
        found = find_readable(lambda: _look(self._access), self._access, restoring).manifest
        kinds = sorted({one.kind for one in found.outbox})
        with closing(restoring.index(found)) as index:
            closed = sum(
                _counts(index, ref, one) for ref in found.refs() for one in restoring.evicted(ref)
            )
        return StateContents(
            found.stream,
            found.epoch,
            max((one.last for one in found.log), default=0),
            restoring.whole(found),
            closed,
            [_waiting(kind, [one for one in found.outbox if one.kind == kind]) for kind in kinds],
            sum(ref.size for ref in found.refs()),
            True,
        )


def find_sessions(access: Access, sid: str | None) -> list[EvictedSession]:
    """Return the sessions, open or closed, whose session_id or call_sid is ``sid``; None: all of
    them.

    A session that a late event brought back is returned as it is now. Without the owner's index of
    keys, all segments with closed sessions are read, one at a time. Raises ``BadInput`` if there is
    no state here, ``CorruptState`` if it can't be read.
    """
    closed, manifest, restoring = _closed_sessions(access, sid)
    resident = restoring.whole(manifest).sessions
    found = [*closed, *(EvictedSession(change.state, change.log) for change in resident)]
    named = [one for one in found if sid in (None, *_sids(one))]
    return list({one.state.key: one for one in named}.values())


def _sids(one: EvictedSession) -> tuple[str, str]:
    return one.state.key.session_id, one.state.key.call_sid


def ledger_since(
    access: Access, since: int, formats: Mapping[EntryKind, RequestFormat]
) -> LedgerNotes:
    """Return the notes on entries that have ended and can hold a minute at or after ``since``
    (epoch ms), and those on waiting entries; one that ends meanwhile may be in both. Raises
    ``BadInput`` if there is no state here.
    """
    waiting = waiting_notes(access, formats)
    ended = notes_since(access, since)
    # notes are written first: an owner that died before its swap leaves one for a waiting entry
    waits = {entry.id for entry in _look(access).manifest.outbox}
    done = [note for note in ended if note.kind in formats and note.entry not in waits]
    return LedgerNotes(done, waiting)


def waiting_notes(access: Access, formats: Mapping[EntryKind, RequestFormat]) -> list[Note]:
    """Return a note on each outbox entry in one of these formats, as if it had ended now: it has
    counted at least 0 times, and at most as often as it has attempts with an unknown outcome, one
    in flight included. Raises ``BadInput`` if there is no state here.
    """
    while True:
        manifest = _look(access).manifest
        names = {ref.number: ref.name for ref in manifest.refs()}
        notes = []
        for entry in manifest.outbox:
            if entry.kind in formats:
                number, start, length = entry.place
                block = access.read_range(names[number], start, length)
                if block is None:
                    break
                counts = formats[entry.kind].counts(from_block(block))
                notes.append(Note(entry.id, entry.kind, 0, entry.ambiguous + entry.sending, counts))
        else:
            return notes
        if _look(access).manifest == manifest:
            raise corrupt(access.url, manifest, names[number], "it is missing")


def _waiting(kind: EntryKind, entries: list[OutboxEntryRef]) -> WaitingEntries:
    size = sum(one.place.length for one in entries)
    return WaitingEntries(kind, len(entries), size, min(one.created_at for one in entries))


def _look(access: Access) -> FoundManifest:
    found = look(access)
    if found is None:
        raise BadInput(f"there is no state at {access.url}")
    return found


class _ClosedSessions(NamedTuple):
    """Closed sessions, the manifest that names them, and what reads the rest of its state."""

    found: list[EvictedSession]
    manifest: Manifest
    restoring: Restoring


def _closed_sessions(access: Access, sid: str | None) -> _ClosedSessions:
    while True:
        restoring = Restoring(access, READERS)
        manifest = find_readable(lambda: _look(access), access, restoring).manifest
        with closing(restoring.index(manifest)) as index:
            closed = _closed(access, manifest, restoring, index, sid)
        if closed is not None:
            return _ClosedSessions(
                [one for one in closed if sid in (None, *_sids(one))], manifest, restoring
            )


def _closed(
    access: Access, manifest: Manifest, restoring: Restoring, index: EvictedIndex, sid: str | None
) -> list[EvictedSession] | None:
    """Return the evicted sessions that may match; None if compaction has deleted a segment."""
    found: list[EvictedSession] = []
    for ref in manifest.refs():
        extents = [one for one in restoring.evicted(ref) if _counts(index, ref, one)]
        if not extents:
            continue
        data = access.read_range(ref.name, 0, ref.footer)
        if data is None:
            if _look(access).manifest == manifest:
                raise corrupt(access.url, manifest, ref.name, "it is missing")
            return None
        try:
            found += _meant(data, extents, sid)
        except CorruptState as error:
            raise corrupt(access.url, manifest, ref.name, error) from error
    return found


def _counts(index: EvictedIndex, ref: SegmentRef, extent: EvictedExtent) -> bool:
    return index.find(extent.digest) == (ref.number, extent.start, extent.length)


def _meant(data: bytes, extents: list[EvictedExtent], sid: str | None) -> Iterator[EvictedSession]:
    for extent in extents:
        block = data[extent.start : extent.start + extent.length]
        if sid is None or sid.encode() in from_block(block):
            yield unpack_session(block)
