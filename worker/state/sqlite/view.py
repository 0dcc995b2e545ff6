"""A read-only view of a state file, while its owner may be running."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import zstandard

from worker.errors import BadInput, CorruptState, VoiceInsightsError
from worker.outbox import ledger
from worker.outbox.destination import RequestFormat
from worker.outbox.entries import EntryKind
from worker.outbox.ledger import Note
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import Delta
from worker.state.sqlite.file import FORMAT, connect_to_read, holds_state, is_whole, usable
from worker.state.sqlite.rows import closed_session_of, whole_state
from worker.state.view import LedgerNotes, StateContents, Taken, WaitingEntries
from worker.times.minutes import BEFORE_ALL


class SqliteView:
    """A ``StateView`` of a state file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.location = str(path)

    def taken(self) -> Taken:
        """See ``StateView.taken``."""
        taken = taken_by(self._path)
        if taken is None:
            raise BadInput(f"there is no state in {self._path}")
        return taken

    def find_sessions(self, sid: str | None) -> list[EvictedSession]:
        """See ``StateView.find_sessions``."""
        return find_sessions(self._path, sid)

    def find_closed_sessions(self, sid: str) -> list[EvictedSession]:
        """See ``StateView.find_closed_sessions``."""
        with _reading(self._path) as db:
            return _closed_sessions(self._path, db, sid)

    def found_sparse(self) -> bool:
        """See ``StateView.found_sparse``."""
        return committed(self._path).found_sparse

    def ledger_since(self, since: int, formats: Mapping[EntryKind, RequestFormat]) -> LedgerNotes:
        """See ``StateView.ledger_since``."""
        # before the others: an entry that ends meanwhile is in both
        waiting = waiting_notes(self._path, formats)
        ended = [note for note in notes_since(self._path, since) if note.kind in formats]
        return LedgerNotes(ended, waiting)

    def notes(self) -> list[Note]:
        """See ``StateView.notes``."""
        return notes_since(self._path, BEFORE_ALL)

    def contents(self) -> StateContents:
        """See ``StateView.contents``."""
        with _reading(self._path) as db:
            db.execute("BEGIN")  # one snapshot of all tables
            meta = dict(db.execute("SELECT name, value FROM meta").fetchall())
            if meta["format"] != FORMAT:
                raise CorruptState(
                    f"{self._path}: format {meta['format']}, this release reads {FORMAT}"
                )
            (closed,) = db.execute("SELECT count(*) FROM closed_sessions").fetchone()
            (commits,) = db.execute("SELECT coalesce(max(n), 0) FROM deltas").fetchone()
            waiting = db.execute(
                "SELECT kind, count(*), total(length(body)), min(made) FROM outbox"
                " GROUP BY kind ORDER BY kind"
            ).fetchall()
            whole = whole_state(self._path, db)
        return StateContents(
            meta.get("stream"),
            int(meta.get("epoch", 0)),
            commits,
            whole,
            closed,
            [
                WaitingEntries(kind, count, int(size), oldest)
                for kind, count, size, oldest in waiting
            ],
            self._path.stat().st_size,
            is_whole(self._path),
        )


class Peek(NamedTuple):
    """The number of sessions that have emitted everything and left memory, and of entries waiting
    to be sent.
    """

    evicted: int
    outbox: int


def peek(path: Path) -> Peek:
    """Return a quick summary of a state file; zeros if there is none yet."""
    try:
        with _reading(path) as db:
            (evicted,) = db.execute("SELECT count(*) FROM closed_sessions").fetchone()
            (outbox,) = db.execute("SELECT count(*) FROM outbox").fetchone()
    except VoiceInsightsError:  # its owner is just creating it
        return Peek(0, 0)
    return Peek(evicted, outbox)


class Folded(NamedTuple):
    """The number of occurrences counted by the last commit, and of sessions in memory."""

    occurrences: int
    resident: int


def folded(path: Path) -> Folded:
    """Return the progress of a state file's owner; zeros if there is no state yet."""
    try:
        with _reading(path) as db:
            state = whole_state(path, db)
    except VoiceInsightsError:  # its owner is just creating it
        return Folded(0, 0)
    return Folded(state.counters.get("occurrences", 0), len(state.sessions))


def find_sessions(path: Path, sid: str | None) -> list[EvictedSession]:
    """Return the sessions, open or closed, whose session_id or call_sid is ``sid``; None: all of
    them.

    A session that a late event brought back is returned as it is now. Raises ``CorruptState`` if
    the state can't be read.
    """
    with _reading(path) as db:
        db.execute("BEGIN")  # one snapshot of both tables: a session may be moving between them
        found = _closed_sessions(path, db, sid)
        resident = whole_state(path, db).sessions
    found += [EvictedSession(change.state, change.log) for change in resident]
    named = [
        one for one in found if sid in (None, one.state.key.session_id, one.state.key.call_sid)
    ]
    return list({one.state.key: one for one in named}.values())


def _closed_sessions(path: Path, db: sqlite3.Connection, sid: str | None) -> list[EvictedSession]:
    rows = db.execute(
        "SELECT session_id, data FROM closed_sessions"
        " WHERE ?1 IS NULL OR session_id = ?1 OR call_sid = ?1",
        (sid,),
    )
    return [closed_session_of(path, *row) for row in rows]


def notes_since(path: Path, since: int) -> list[Note]:
    """Return the ledger's notes that can hold a minute at or after ``since`` (epoch ms), by entry.

    Raises ``CorruptState`` if one can't be read.
    """
    try:
        with _reading(path) as db:
            rows = db.execute(
                "SELECT note FROM ledger WHERE newest >= ? ORDER BY entry", (since,)
            ).fetchall()
        return [
            note for (data,) in rows for note in ledger.decode_notes(zstandard.decompress(data))
        ]
    except (zstandard.ZstdError, msgspec.DecodeError) as error:
        raise CorruptState(f"{path}: {error}") from error


def taken_by(path: Path) -> Taken | None:
    """Return the stream and epoch of a file's state; None if it was never acquired.

    Raises ``CorruptState`` if it can't be read, ``Misconfigured`` if the file isn't a state's.
    """
    if not holds_state(path):
        return None
    with _reading(path) as db:
        meta = dict(db.execute("SELECT name, value FROM meta").fetchall())
    return Taken(str(meta["stream"]), int(meta["epoch"])) if "stream" in meta else None


def committed(path: Path) -> Delta:
    """Return the merge of all commits in a file. Raises ``CorruptState`` if they can't be read."""
    with _reading(path) as db:
        return whole_state(path, db)


def waiting_notes(path: Path, formats: Mapping[EntryKind, RequestFormat]) -> list[Note]:
    """Return a note on each outbox entry in one of these formats, as if it had ended now: it has
    counted at least 0 times, and at most as often as it has attempts with an unknown outcome, one
    in flight included. Raises ``CorruptState`` if the state can't be read.
    """
    with _reading(path) as db:
        return [
            Note(id_, kind, 0, ambiguous, of.counts(body))
            for kind, of in formats.items()
            for id_, ambiguous, body in db.execute(
                "SELECT id, ambiguous + (state = 'SENDING'), body FROM outbox"
                " WHERE kind = ? ORDER BY id",
                (kind,),
            )
        ]


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a state to read it. Raises ``BadInput`` if there is none yet."""
    if not holds_state(path):
        raise BadInput(f"there is no state in {path} yet")
    with usable(path), closing(connect_to_read(path)) as db:
        yield db
