"""The ledger in a bucket: notes as objects of their own, by day, beside the state.

Notes are written before the swap that ends their entries. So an entry may have several notes, if
its owner died in between or was fenced: the last owner's counts, identified by the epoch in the
key. Recovery doesn't need the ledger; it exists to be compared with a destination.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from worker.errors import CorruptState
from worker.objectstore.retrying import Access
from worker.outbox import ledger
from worker.outbox.ledger import Note
from worker.state.s3.segment import from_block, to_block

LEDGER: Final = "ledger/"
"""The prefix of the keys of all notes."""


class NoteStore:
    """Keeps notes until their minutes are ``NOTES_KEPT_MS`` old."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._newest = 0
        self._expired_until = ""

    def keep(self, notes: Sequence[Note], epoch: int) -> None:
        """Write notes that were settled together, under the owner's epoch."""
        if notes:
            newest = max(note.newest for note in notes)
            name = f"{_day(newest)}/{min(note.entry for note in notes):012d}-{epoch:08d}"
            self._access.create(LEDGER + name, to_block(ledger.encode_notes(notes)))
            self._newest = max(self._newest, newest)

    def forget(self) -> None:
        """Delete, once a day, the notes of days that are too old."""
        oldest = _day(self._newest - ledger.NOTES_KEPT_MS)
        if not self._newest or oldest == self._expired_until:
            return
        for key in self._access.keys(LEDGER):
            if key.removeprefix(LEDGER).partition("/")[0] < oldest:
                self._access.delete(key)
        self._expired_until = oldest


def notes_since(access: Access, since: int) -> list[Note]:
    """Return the notes that can hold a minute at or after ``since`` (epoch ms), one per entry.

    Raises ``CorruptState`` for a note that can't be read.
    """
    found: dict[int, tuple[int, Note]] = {}
    keys = [key for key in access.keys(LEDGER) if key.split("/")[1] >= _day(since)]
    for key in keys:
        data = access.read(key)
        if data is None:  # expired meanwhile
            continue
        epoch = int(key.rpartition("-")[2])
        for note in _decoded(access.url, key, data.data):
            if note.entry not in found or found[note.entry][0] <= epoch:
                found[note.entry] = epoch, note
    return [note for _, note in found.values() if note.newest >= since]


def _decoded(url: str, key: str, data: bytes) -> list[Note]:
    try:
        return ledger.decode_notes(from_block(data))
    except (msgspec.DecodeError, CorruptState) as error:
        raise CorruptState(f"{url}/{key} can't be read ({error})") from error


def _day(instant: int) -> str:
    return f"dt={datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=instant):%Y-%m-%d}"
