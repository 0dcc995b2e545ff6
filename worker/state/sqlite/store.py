"""The embedded store: one SQLite file, which a person can also query.

Commits are rows of ``deltas``, appended in order; compaction merges a stretch of them into its
last row. The outbox and closed sessions have tables of their own, written in the transaction
of the commit that made them. ``meta`` holds the format's version, the stream that the state
belongs to, and the epoch: taking the partition raises it, and every later transaction of an
earlier owner finds that out and changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from worker.errors import CorruptState, Fenced, Misconfigured, StreamReplaced
from worker.events.event import SessionKey
from worker.outbox import ledger
from worker.outbox.entries import DeliveryOutcome, Draft, Entry, EntryKind, Settled
from worker.outbox.ledger import Note
from worker.partition.commit_outputs import Packed
from worker.partition.delta import Delta, encode
from worker.partition.erasure import Erasure
from worker.state.sqlite.rows import compress, row_of, unpacked, whole_state
from worker.state.store import Backlog, Commit, Edit, ErasedState

FORMAT: Final = 2
_BUSY_S: Final = 30.0

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deltas (
  n INTEGER PRIMARY KEY, merged INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS closed_sessions (
  platform TEXT, account_sid TEXT, call_sid TEXT, session_id TEXT,
  closed_at INTEGER NOT NULL, revision INTEGER NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (session_id, call_sid, account_sid, platform)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS closed_sessions_by_time ON closed_sessions (closed_at);
CREATE TABLE IF NOT EXISTS outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'PENDING',
  made INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, ambiguous INTEGER NOT NULL,
  body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS ledger (
  entry INTEGER PRIMARY KEY, newest INTEGER NOT NULL, note BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS ledger_by_time ON ledger (newest);
"""


class Compaction(NamedTuple):
    """When to merge commits: after so many, or so many bytes, but not less than are merged."""

    commits: int = 500
    size: int = 8_000_000


class SqliteStore:
    """A ``Store`` in one file. Safe for threads: one transaction at a time."""

    def __init__(self, path: Path, compaction: Compaction = Compaction()) -> None:  # noqa: B008
        """Open or make the file. Raises ``Misconfigured`` if that can't be done."""
        self._path = path
        self._compaction = compaction
        self._epoch = 0
        self._lock = Lock()
        self._compacting = Lock()
        try:
            self._db = self._connect()
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise Misconfigured(f"state: can't use {path}: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        # FULL: a commit outlives the machine, not only the process
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        return db

    def take(self, stream: str) -> Delta:
        """See ``Store.take``."""
        with self._lock, _usable(self._path), _transaction(self._db) as db:
            meta = dict(db.execute("SELECT name, value FROM meta").fetchall())
            if meta.get("format", FORMAT) != FORMAT:
                raise CorruptState(
                    f"{self._path}: format {meta['format']}, this release reads {FORMAT}"
                )
            if meta.get("stream", stream) != stream:
                raise StreamReplaced(
                    f"{self._path} holds the state of {meta['stream']}, not of {stream}: name "
                    "another state file, or move this one away to start anew"
                )
            self._epoch = int(meta.get("epoch", 0)) + 1
            db.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [("format", FORMAT), ("stream", stream), ("epoch", self._epoch)],
            )
            # a send that was under way when its owner ended: nobody knows what became of it
            db.execute(
                "UPDATE outbox SET state = 'PENDING', ambiguous = ambiguous + 1"
                " WHERE state = 'SENDING'"
            )
            # still within the transaction, so that what can't be read changes nothing
            return whole_state(self._path, db)

    def append(self, commit: Commit) -> None:
        """See ``Store.append``."""
        data = compress(encode(commit.delta))
        packed = [row_of(one) for one in commit.packed]
        with self._lock, self._owned() as db:
            db.execute("INSERT INTO deltas (merged, data) VALUES (0, ?)", (data,))
            db.executemany("INSERT OR REPLACE INTO closed_sessions VALUES (?,?,?,?,?,?,?)", packed)
            _enqueue(db, commit.drafts)
            if commit.forget_before is not None:
                db.execute(
                    "DELETE FROM closed_sessions WHERE closed_at < ?", (commit.forget_before,)
                )

    def recall(self, keys: Iterable[SessionKey]) -> dict[SessionKey, Packed]:
        """See ``Store.recall``."""
        found: dict[SessionKey, Packed] = {}
        with self._lock, _usable(self._path):
            for key in keys:
                row = self._db.execute(
                    "SELECT data FROM closed_sessions WHERE session_id = ? AND call_sid = ?"
                    " AND account_sid = ? AND platform = ?",
                    (key.session_id, key.call_sid, key.account_sid, key.platform),
                ).fetchone()
                if row is not None:
                    found[key] = unpacked(self._path, key.session_id, *row)
        return found

    def claim(self, kind: EntryKind, most: int) -> list[Entry]:
        """See ``Store.claim``."""
        with self._lock, self._owned() as db:
            rows = db.execute(
                "UPDATE outbox SET state = 'SENDING', attempts = attempts + 1 WHERE id IN"
                " (SELECT id FROM outbox WHERE state = 'PENDING' AND kind = ?"
                " ORDER BY id LIMIT ?)"
                " RETURNING id, kind, body, made, attempts - 1, ambiguous",
                (kind, most),
            ).fetchall()
        return sorted(Entry(*row) for row in rows)

    def settle(self, settled: Iterable[Settled]) -> None:
        """See ``Store.settle``."""
        with self._lock, self._owned() as db:
            for entry, outcome, instead, note in settled:
                if outcome.ends:
                    db.execute("DELETE FROM outbox WHERE id = ?", (entry,))
                else:
                    db.execute(
                        "UPDATE outbox SET state = 'PENDING', ambiguous = ambiguous + ?"
                        " WHERE id = ?",
                        (outcome is DeliveryOutcome.AMBIGUOUS, entry),
                    )
                _enqueue(db, instead)
                if note is not None:
                    _keep(db, note)

    def backlog(self) -> Backlog:
        """See ``Store.backlog``."""
        with self._lock, _usable(self._path):
            entries, size, ambiguous, oldest = self._db.execute(
                "SELECT count(*), total(length(body)), total(ambiguous), min(made) FROM outbox"
            ).fetchone()
        return Backlog(entries, int(size), int(ambiguous), oldest)

    def size(self) -> int:
        """See ``Store.size``. The write-ahead log beside the file doesn't count."""
        with self._lock, _usable(self._path):
            (pages,) = self._db.execute("PRAGMA page_count").fetchone()
            (each,) = self._db.execute("PRAGMA page_size").fetchone()
        return int(pages * each)

    def compact(self) -> None:
        """See ``Store.compact``. Merges on a connection of its own, so that commits go on."""
        with self._compacting, _usable(self._path), closing(self._connect()) as db:
            rows = db.execute("SELECT n, merged, length(data) FROM deltas ORDER BY n").fetchall()
            fresh = sum(size for _, merged, size in rows if not merged)
            base = sum(size for _, merged, size in rows if merged)
            most, size = self._compaction
            if len(rows) < most and fresh < max(size, base):
                return
            last = rows[-1][0]
            whole = compress(encode(whole_state(self._path, db, last)))
            with self._lock, self._owned() as owned:
                owned.execute("DELETE FROM deltas WHERE n <= ?", (last,))
                owned.execute("INSERT INTO deltas VALUES (?, 1, ?)", (last, whole))

    def erase(self, erasure: Erasure, edit: Edit) -> ErasedState:
        """See ``Store.erase``. The file is written anew at the end, for SQLite leaves what it
        deletes in pages that it may use again.
        """
        with self._compacting, self._lock:
            with self._owned() as db:
                (last,) = db.execute("SELECT coalesce(max(n), 1) FROM deltas").fetchone()
                state, resident = erasure.without(whole_state(self._path, db))
                db.execute("DELETE FROM deltas")
                db.execute("INSERT INTO deltas VALUES (?, 1, ?)", (last, compress(encode(state))))
                closed = db.execute(
                    "DELETE FROM closed_sessions WHERE ? IN (session_id, call_sid)", (erasure.sid,)
                ).rowcount
                edited = _edit_outbox(db, edit)
            cleared = _written_anew(self._db)
        return ErasedState(resident, closed, len(edited), sum(map(bool, edited)), cleared)

    def close(self) -> None:
        """See ``Store.close``."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _owned(self) -> Iterator[sqlite3.Connection]:
        """A transaction that only the owner may make."""
        with _usable(self._path), _transaction(self._db) as db:
            (epoch,) = db.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
            if epoch != self._epoch:
                raise Fenced(f"another worker has taken {self._path} (epoch {epoch})")
            yield db


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    """Says what SQLite finds wrong in the worker's own errors: a file that can't be written or
    is no state file (``Misconfigured``), or one that is damaged (``CorruptState``).
    """
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.OperationalError as error:
        raise Misconfigured(f"state: can't use {path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise CorruptState(f"{path}: {error}") from error


def _enqueue(db: sqlite3.Connection, made: Iterable[Draft]) -> None:
    db.executemany("INSERT INTO outbox (kind, body, made, ambiguous) VALUES (?, ?, ?, ?)", made)


def _written_anew(db: sqlite3.Connection) -> bool:
    """Write a file anew, without what was deleted; False if others use it, or there is no room."""
    try:
        db.execute("VACUUM")
        (busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:
        return False
    return not busy


def _edit_outbox(db: sqlite3.Connection, edit: Edit) -> list[int]:
    """Of each entry that was changed, how many of its attempts may have been applied."""
    changed = []
    for id_, kind, body, ambiguous in db.execute("SELECT id, kind, body, ambiguous FROM outbox"):
        left = edit(kind, body)
        if left != body:
            changed.append((id_, left, ambiguous))
    db.executemany("DELETE FROM outbox WHERE id = ?", [(i,) for i, left, _ in changed if not left])
    updated = [(left, id_) for id_, left, _ in changed if left]
    db.executemany("UPDATE outbox SET body = ? WHERE id = ?", updated)
    return [ambiguous for _, _, ambiguous in changed]


def _keep(db: sqlite3.Connection, note: Note) -> None:
    row = note.entry, note.newest, compress(ledger.encode([note]))
    db.execute("INSERT INTO ledger VALUES (?, ?, ?)", row)
    db.execute("DELETE FROM ledger WHERE newest < ?", (note.newest - ledger.KEPT,))


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite itself rolls some failures back
            db.execute("ROLLBACK")
        raise
