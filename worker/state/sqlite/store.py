"""The embedded store: one SQLite file, which a person can also query.

Commits are rows of ``deltas``, appended in order; compaction merges a run of them into its last
row. The outbox and closed sessions have tables of their own, written in the transaction of their
commit. ``meta`` holds the format's version, the stream that the state belongs to, and the epoch:
acquiring the partition raises the epoch, and every later transaction of an earlier owner finds that
and changes nothing.
"""

from __future__ import annotations

import random as randomness
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple, TypeVar

from worker.backoff import full_jitter
from worker.errors import CorruptState, Fenced
from worker.events.event import SessionKey
from worker.objectstore.api import StoreFailure, StoreFailureKind
from worker.objectstore.retrying import CallFailed
from worker.outbox.entries import Entry, EntryKind, Settled
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import Delta, encode_delta
from worker.partition.erasure import Erasure
from worker.state.sqlite.erasing import erased, written_anew
from worker.state.sqlite.file import (
    Files,
    NoRoom,
    connect_to_read,
    connect_to_write,
    files_of,
    holds_state,
    require_whole,
    require_writable,
    transaction,
    usable,
)
from worker.state.sqlite.ownership import belong_to, raise_epoch
from worker.state.sqlite.rows import (
    apply,
    closed_session_of,
    closed_session_row,
    compress,
    enqueue,
    mark_wal,
    whole_state,
)
from worker.state.store import Backlog, Commit, Edit, ErasedState

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 10.0
_CHECKPOINT_EVERY: Final = 4 << 20
_BYTES_A_TRANSACTION: Final = 16 << 10
"""About how many bytes a transaction writes into the ``-wal`` besides its data."""

_T = TypeVar("_T")


class Compaction(NamedTuple):
    """The schedule of compaction: after this many commits, or this many bytes, but at least as many
    bytes as are merged already.
    """

    commits: int = 500
    size: int = 8_000_000


class SqliteStore:
    """A ``Store`` in one file. Thread-safe: one transaction at a time.

    While the disk is full a call waits and is retried: ``sleep`` (seconds) waits, and an error that
    it raises ends the call; ``random`` returns numbers in [0, 1); ``observer`` is called with each
    failed attempt.
    """

    def __init__(
        self,
        path: Path,
        compaction: Compaction = Compaction(),  # noqa: B008
        *,
        observer: Callable[[CallFailed], object] = lambda _: None,
        sleep: Callable[[float], object] = time.sleep,
        random: Callable[[], float] = randomness.random,
    ) -> None:
        """Nothing is written yet. Raises ``Misconfigured`` if there can be no state at ``path``,
        ``CorruptState`` if the one there isn't whole.
        """
        self._path = path
        self._compaction = compaction
        self._observer = observer
        self._sleep = sleep
        self._random = random
        self._epoch = 0
        self._lock = Lock()
        self._compacting = Lock()
        self._connection: sqlite3.Connection | None = None
        self._files: Files | None = None
        self._unmerged_bytes = 0
        require_writable(path)
        if holds_state(path):
            require_whole(path)

    def acquire(self, stream: str) -> Delta:
        """See ``Store.acquire``."""
        whole = self._waiting("take", lambda: self._acquire(stream))
        self._checkpoint()
        return whole

    def append(self, commit: Commit) -> None:
        """See ``Store.append``."""
        data = compress(encode_delta(commit.delta))
        evicted = [closed_session_row(one) for one in commit.evicted]

        def write(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO deltas (merged, data) VALUES (0, ?)", (data,))
            db.executemany("INSERT OR REPLACE INTO closed_sessions VALUES (?,?,?,?,?,?,?)", evicted)
            enqueue(db, commit.new_entries)
            if commit.forget_before is not None:
                db.execute(
                    "DELETE FROM closed_sessions WHERE closed_at < ?", (commit.forget_before,)
                )

        self._write("commit", write)
        self._unmerged_bytes += len(data) + sum(len(one.body) for one in commit.new_entries)
        if self._unmerged_bytes >= _CHECKPOINT_EVERY:
            self._checkpoint()

    def load_sessions(self, keys: Iterable[SessionKey]) -> dict[SessionKey, EvictedSession]:
        """See ``Store.load_sessions``."""
        found: dict[SessionKey, EvictedSession] = {}
        with self._lock, usable(self._path):
            for key in keys:
                row = self._db.execute(
                    "SELECT data FROM closed_sessions WHERE session_id = ? AND call_sid = ?"
                    " AND account_sid = ? AND platform = ?",
                    (key.session_id, key.call_sid, key.account_sid, key.platform),
                ).fetchone()
                if row is not None:
                    found[key] = closed_session_of(self._path, key.session_id, *row)
        return found

    def claim(self, kind: EntryKind, most: int) -> list[Entry]:
        """See ``Store.claim``."""
        rows = self._write(
            "claim",
            lambda db: db.execute(
                "UPDATE outbox SET state = 'SENDING', attempts = attempts + 1 WHERE id IN"
                " (SELECT id FROM outbox WHERE state = 'PENDING' AND kind = ? ORDER BY id LIMIT ?)"
                " RETURNING id, kind, body, made, attempts - 1, ambiguous",
                (kind, most),
            ).fetchall(),
        )
        return sorted(Entry(*row) for row in rows)

    def settle(self, settled: Iterable[Settled]) -> None:
        """See ``Store.settle``."""
        outcomes = list(settled)
        self._write("settle", lambda db: apply(db, outcomes))

    def waiting_kinds(self) -> set[EntryKind]:
        """See ``Store.waiting_kinds``."""
        with self._lock, usable(self._path):
            return {kind for (kind,) in self._db.execute("SELECT DISTINCT kind FROM outbox")}

    def backlog(self) -> Backlog:
        """See ``Store.backlog``."""
        with self._lock, usable(self._path):
            entries, size, ambiguous, oldest = self._db.execute(
                "SELECT count(*), total(length(body)), total(ambiguous), min(made) FROM outbox"
            ).fetchone()
        return Backlog(entries, int(size), int(ambiguous), oldest)

    def size(self) -> int:
        """See ``Store.size``. The write-ahead log beside the file doesn't count."""
        with self._lock, usable(self._path):
            (pages,) = self._db.execute("PRAGMA page_count").fetchone()
            return int(pages * self._db.execute("PRAGMA page_size").fetchone()[0])

    def compact(self) -> None:
        """See ``Store.compact``. Merges on a separate connection, so that commits continue."""
        with self._compacting:
            self._require_files()
            with usable(self._path), closing(connect_to_read(self._path)) as db:
                rows = db.execute(
                    "SELECT n, merged, length(data) FROM deltas ORDER BY n"
                ).fetchall()
                fresh = sum(size for _, merged, size in rows if not merged)
                base = sum(size for _, merged, size in rows if merged)
                most, size = self._compaction
                if len(rows) < most and fresh < max(size, base):
                    return
                last = rows[-1][0]
                whole = compress(encode_delta(whole_state(self._path, db, last)))

            def merge(owned: sqlite3.Connection) -> None:
                owned.execute("DELETE FROM deltas WHERE n <= ?", (last,))
                owned.execute("INSERT INTO deltas VALUES (?, 1, ?)", (last, whole))

            self._write("compact", merge)
            self._unmerged_bytes += len(whole)

    def erase(self, erasure: Erasure, edit: Edit) -> ErasedState:
        """See ``Store.erase``. The file is rewritten at the end, because SQLite leaves deleted data
        in pages for reuse.
        """
        with self._compacting:
            done = self._write("erase", lambda db: erased(self._path, db, erasure, edit))
            with self._lock, usable(self._path):
                cleared = written_anew(self._db)
            self._checkpoint()
        return done._replace(cleared=cleared)

    def hand_over(self, to: str) -> None:
        """See ``Erasable.hand_over``."""
        self._write("hand over", lambda db: belong_to(db, to))

    def close(self) -> None:
        """See ``Store.close``."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    @property
    def _db(self) -> sqlite3.Connection:
        """The connection, opened when it is first needed. The lock is held."""
        if self._connection is None:
            self._connection = connect_to_write(self._path)
        return self._connection

    def _acquire(self, stream: str) -> Delta:
        with self._lock, usable(self._path), transaction(self._db) as db:
            self._epoch = raise_epoch(self._path, db, stream)
            # still within the transaction, so that an unreadable commit changes nothing
            whole = whole_state(self._path, db)
        self._files = files_of(self._path)
        return whole

    def _checkpoint(self) -> None:
        """Move the commits into the main file, and mark that more will follow beside it."""
        self._unmerged_bytes = 0
        self._write("checkpoint", lambda db: mark_wal(db, 1))
        try:
            with self._lock, usable(self._path):
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except NoRoom:
            pass  # everything is still in the -wal; the next checkpoint moves it
        finally:
            self._write("checkpoint", lambda db: mark_wal(db, 0))

    def _write(self, operation: str, change: Callable[[sqlite3.Connection], _T]) -> _T:
        """Make a change in a transaction that only the owner may make."""

        def once() -> _T:
            with self._lock, self._owned() as db:
                return change(db)

        done = self._waiting(operation, once)
        self._unmerged_bytes += _BYTES_A_TRANSACTION
        return done

    def _waiting(self, operation: str, attempt: Callable[[], _T]) -> _T:
        """Retry while the disk is full; other calls run in between."""
        attempts = 0
        while True:
            try:
                return attempt()
            except NoRoom as error:
                attempts += 1
                wait_s = full_jitter(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, attempts, self._random)
                failure = StoreFailure(StoreFailureKind.NO_ROOM, str(error))
                self._observer(CallFailed(operation, self._path.name, failure, attempts, wait_s))
                self._sleep(wait_s)

    @contextmanager
    def _owned(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction that only the owner may make. The lock is held."""
        self._require_files()
        with usable(self._path), transaction(self._db) as db:
            (epoch,) = db.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
            if epoch != self._epoch:
                raise Fenced(f"another worker has taken {self._path} (epoch {epoch})")
            yield db

    def _require_files(self) -> None:
        """Raise if the files are gone, because SQLite would continue to write into deleted ones."""
        if self._files is not None and files_of(self._path) != self._files:
            raise CorruptState(
                f"{self._path}, or the -wal beside it, was deleted, moved or replaced while this "
                "worker used it: put it, or a backup of it, back before the next start, which "
                "would begin an empty state without it"
            )
