"""Looking into a state file from outside, while its owner may be at work."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec
import zstandard

from worker.errors import CorruptState
from worker.outbox import ledger
from worker.outbox.destination import RequestFormat
from worker.outbox.entries import EntryKind
from worker.outbox.ledger import Note
from worker.partition.commit_outputs import Packed
from worker.partition.delta import Delta
from worker.state.sqlite.store import unpacked, whole_state
from worker.state.view import LedgerNotes


class SqliteView:
    """A ``StateView`` of a state file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.location = str(path)

    def find_sessions(self, sid: str) -> list[Packed]:
        """See ``StateView.find_sessions``."""
        return find_sessions(self._path, sid)

    def ledger_since(self, since: int, formats: Mapping[EntryKind, RequestFormat]) -> LedgerNotes:
        """See ``StateView.ledger_since``."""
        # before the others: what ends meanwhile is in both
        waiting = waiting_notes(self._path, formats)
        ended = [note for note in notes_since(self._path, since) if note.kind in formats]
        return LedgerNotes(ended, waiting)


class Peek(NamedTuple):
    """How many sessions have told all they had to tell, and how much waits to be sent."""

    packed: int
    outbox: int


def peek(path: Path) -> Peek:
    """A glance at a state file; zeros if there is none yet."""
    if not path.exists():
        return Peek(0, 0)
    try:
        with closing(_connect(path)) as db:
            (packed,) = db.execute("SELECT count(*) FROM closed_sessions").fetchone()
            (outbox,) = db.execute("SELECT count(*) FROM outbox").fetchone()
    except sqlite3.OperationalError:  # its owner is just making it
        return Peek(0, 0)
    return Peek(packed, outbox)


class Folded(NamedTuple):
    """How many occurrences were counted by the last commit, and how many sessions are in memory."""

    occurrences: int
    held: int


def folded(path: Path) -> Folded:
    """How far the owner of a state file has come; zeros if there is none yet."""
    if not path.exists():
        return Folded(0, 0)
    try:
        with closing(_connect(path)) as db:
            state = whole_state(path, db)
    except sqlite3.OperationalError:  # its owner is just making it
        return Folded(0, 0)
    return Folded(state.counters.get("occurrences", 0), len(state.sessions))


def find_sessions(path: Path, sid: str) -> list[Packed]:
    """The sessions, open or closed, whose session_id or call_sid is ``sid``.

    A session that a late event brought back is found as it now is. Raises ``CorruptState`` if
    the file is no state file.
    """
    try:
        with closing(_connect(path)) as db:
            db.execute("BEGIN")  # one view of both tables: a session may be on its way between
            closed = db.execute(
                "SELECT session_id, data FROM closed_sessions WHERE session_id = ? OR call_sid = ?",
                (sid, sid),
            ).fetchall()
            held = whole_state(path, db).sessions
    except sqlite3.DatabaseError as error:
        raise CorruptState(f"{path}: {error}") from error
    found = [unpacked(path, *row) for row in closed]
    found += [Packed(change.state, change.log) for change in held]
    named = [one for one in found if sid in (one.state.key.session_id, one.state.key.call_sid)]
    return list({one.state.key: one for one in named}.values())


def notes_since(path: Path, since: int) -> list[Note]:
    """The ledger's notes that can hold a minute at or after ``since`` (epoch ms), by entry.

    Raises ``CorruptState`` if the file is no state file.
    """
    try:
        with closing(_connect(path)) as db:
            rows = db.execute(
                "SELECT note FROM ledger WHERE newest >= ? ORDER BY entry", (since,)
            ).fetchall()
        return [note for (data,) in rows for note in ledger.decode(zstandard.decompress(data))]
    except (sqlite3.DatabaseError, zstandard.ZstdError, msgspec.DecodeError) as error:
        raise CorruptState(f"{path}: {error}") from error


class Taken(NamedTuple):
    """The stream that a state belongs to, and how many times it has been taken."""

    stream: str
    epoch: int


def taken_by(path: Path) -> Taken | None:
    """Whose state a file holds; None if nobody's yet.

    Raises ``CorruptState`` if the file is no state file.
    """
    if not path.exists():
        return None
    try:
        with closing(_connect(path)) as db:
            meta = dict(db.execute("SELECT name, value FROM meta").fetchall())
    except sqlite3.DatabaseError as error:
        raise CorruptState(f"{path}: {error}") from error
    return Taken(str(meta["stream"]), int(meta["epoch"])) if "stream" in meta else None


def committed(path: Path) -> Delta:
    """What all commits in a file amount to. Raises ``CorruptState`` if they can't be read."""
    try:
        with closing(_connect(path)) as db:
            return whole_state(path, db)
    except sqlite3.DatabaseError as error:
        raise CorruptState(f"{path}: {error}") from error


def waiting_notes(path: Path, formats: Mapping[EntryKind, RequestFormat]) -> list[Note]:
    """What the ledger would say of each entry in the outbox that has one of these formats: nothing
    of it must have counted, and all of it may have, as often as nobody knows what became of it.
    Raises ``CorruptState`` if the file is no state file.
    """
    try:
        with closing(_connect(path)) as db:
            return [
                Note(id_, kind, 0, ambiguous, of.counts(body))
                for kind, of in formats.items()
                for id_, ambiguous, body in db.execute(
                    "SELECT id, ambiguous + (state = 'SENDING'), body FROM outbox"
                    " WHERE kind = ? ORDER BY id",
                    (kind,),
                )
            ]
    except sqlite3.DatabaseError as error:
        raise CorruptState(f"{path}: {error}") from error


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
