"""Looking into a state in a bucket from outside, while its owner may be at work.

Nothing is taken and nothing written, so its owner isn't disturbed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing

from worker.errors import BadInput, CorruptState
from worker.objectstore.retrying import Access
from worker.outbox.destination import RequestFormat
from worker.outbox.entries import EntryKind
from worker.outbox.ledger import Note
from worker.partition.commit_outputs import Packed
from worker.state.s3.index import PackedIndex
from worker.state.s3.ledger import notes_since
from worker.state.s3.manifest import Held, Manifest, Ref
from worker.state.s3.ownership import corrupt
from worker.state.s3.restoring import Found, Restoring, find_readable, look
from worker.state.s3.segment import PackedSpot, from_piece, unpack
from worker.state.s3.store import READERS
from worker.state.view import LedgerNotes, StateContents, Taken, Waiting


class S3View:
    """A ``StateView`` of a state in a bucket."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self.location = access.url

    def taken(self) -> Taken:
        """See ``StateView.taken``."""
        manifest = _look(self._access).manifest
        return Taken(manifest.stream, manifest.epoch)

    def find_sessions(self, sid: str | None) -> list[Packed]:
        """See ``StateView.find_sessions``."""
        return find_sessions(self._access, sid)

    def found_sparse(self) -> bool:
        """See ``StateView.found_sparse``."""
        restoring = Restoring(self._access, READERS)
        found = find_readable(lambda: _look(self._access), self._access, restoring)
        return restoring.whole(found.manifest).found_sparse

    def ledger_since(self, since: int, formats: Mapping[EntryKind, RequestFormat]) -> LedgerNotes:
        """See ``StateView.ledger_since``."""
        return ledger_since(self._access, since, formats)

    def contents(self) -> StateContents:
        """See ``StateView.contents``."""
        restoring = Restoring(self._access, READERS)
        found = find_readable(lambda: _look(self._access), self._access, restoring).manifest
        kinds = sorted({one.kind for one in found.outbox})
        with closing(restoring.index(found)) as index:
            closed = sum(
                _counts(index, ref, one) for ref in found.refs() for one in restoring.packed(ref)
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


def find_sessions(access: Access, sid: str | None) -> list[Packed]:
    """The sessions, open or closed, whose session_id or call_sid is ``sid``; None: all of them.

    A session that a late event brought back is found as it now is. The closed ones lie in
    segments that only their owner can find them in by key, so all of these are read, one at a
    time. Raises ``BadInput`` if there is no state here, ``CorruptState`` if it can't be read.
    """
    while True:
        restoring = Restoring(access, READERS)
        manifest = find_readable(lambda: _look(access), access, restoring).manifest
        with closing(restoring.index(manifest)) as index:
            closed = _closed(access, manifest, restoring, index, sid)
        if closed is not None:
            break
    held = restoring.whole(manifest).sessions
    found = [*closed, *(Packed(change.state, change.log) for change in held)]
    named = [
        one for one in found if sid in (None, one.state.key.session_id, one.state.key.call_sid)
    ]
    return list({one.state.key: one for one in named}.values())


def ledger_since(
    access: Access, since: int, formats: Mapping[EntryKind, RequestFormat]
) -> LedgerNotes:
    """The notes on entries that have ended and can hold a minute at or after ``since`` (epoch ms),
    and those on entries that wait; one that ends meanwhile may be in both. Raises ``BadInput`` if
    there is no state here.
    """
    waiting = waiting_notes(access, formats)
    ended = notes_since(access, since)
    # notes are written first: an owner that died before its swap left one, and the entry waits on
    waits = {held.id for held in _look(access).manifest.outbox}
    done = [note for note in ended if note.kind in formats and note.entry not in waits]
    return LedgerNotes(done, waiting)


def waiting_notes(access: Access, formats: Mapping[EntryKind, RequestFormat]) -> list[Note]:
    """What the ledger would say of each entry in the outbox that has one of these formats: nothing
    of it must have counted, and all of it may have, as often as nobody knows what became of it.
    Raises ``BadInput`` if there is no state here.
    """
    while True:
        manifest = _look(access).manifest
        names = {ref.number: ref.name for ref in manifest.refs()}
        notes = []
        for held in manifest.outbox:
            if held.kind in formats:
                number, start, length = held.place
                piece = access.read_range(names[number], start, length)
                if piece is None:
                    break
                counts = formats[held.kind].counts(from_piece(piece))
                notes.append(Note(held.id, held.kind, 0, held.ambiguous + held.sending, counts))
        else:
            return notes
        if _look(access).manifest == manifest:
            raise corrupt(access.url, manifest, names[number], "it is missing")


def _waiting(kind: EntryKind, entries: list[Held]) -> Waiting:
    size = sum(one.place.length for one in entries)
    return Waiting(kind, len(entries), size, min(one.made for one in entries))


def _look(access: Access) -> Found:
    found = look(access)
    if found is None:
        raise BadInput(f"there is no state at {access.url}")
    return found


def _closed(
    access: Access, manifest: Manifest, restoring: Restoring, index: PackedIndex, sid: str | None
) -> list[Packed] | None:
    """The packed sessions that may be meant; None if compaction has taken a segment away."""
    found: list[Packed] = []
    for ref in manifest.refs():
        spots = [one for one in restoring.packed(ref) if _counts(index, ref, one)]
        if not spots:
            continue
        data = access.read_range(ref.name, 0, ref.tail)
        if data is None:
            if _look(access).manifest == manifest:
                raise corrupt(access.url, manifest, ref.name, "it is missing")
            return None
        try:
            found += _meant(data, spots, sid)
        except CorruptState as error:
            raise corrupt(access.url, manifest, ref.name, error) from error
    return found


def _counts(index: PackedIndex, ref: Ref, spot: PackedSpot) -> bool:
    return index.find(spot.digest) == (ref.number, spot.start, spot.length)


def _meant(data: bytes, spots: list[PackedSpot], sid: str | None) -> Iterator[Packed]:
    for spot in spots:
        piece = data[spot.start : spot.start + spot.length]
        if sid is None or sid.encode() in from_piece(piece):
            yield unpack(piece)
