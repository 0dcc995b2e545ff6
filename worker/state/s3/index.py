"""The index of evicted sessions: where each lies, in memory, at some 60 bytes per session.

A Python dict would take three times the memory. A table in an in-memory SQLite database doesn't,
and it replaces, moves and prunes many rows at once without blocking other threads.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Final

from worker.state.s3.manifest import Extent
from worker.state.s3.segment import EvictedExtent

_SCHEMA: Final = """
CREATE TABLE evicted (
  digest BLOB PRIMARY KEY, closed_at INTEGER, number INTEGER, start INTEGER, length INTEGER
) WITHOUT ROWID
"""
_MOVE: Final = (
    "UPDATE evicted SET number = ?, start = ? WHERE digest = ? AND number = ? AND start = ?"
)


class EvictedIndex:
    """Maps digests of session keys to extents. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._before: int | None = None
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute(_SCHEMA)

    def add(self, number: int, evicted: Iterable[EvictedExtent]) -> None:
        """Add the sessions in the segment ``number``; for each session the latest addition
        counts.
        """
        rows = [(one.digest, one.closed_at, number, one.start, one.length) for one in evicted]
        self._change("INSERT OR REPLACE INTO evicted VALUES (?, ?, ?, ?, ?)", rows)

    def forget(self, before: int | None) -> None:
        """Stop finding sessions that closed before that (epoch ms)."""
        self._before = before

    def find(self, digest: bytes) -> Extent | None:
        """Return where a session lies, if it is still kept."""
        with self._lock:
            row = self._db.execute(
                "SELECT number, start, length FROM evicted WHERE digest = ?"
                " AND closed_at >= coalesce(?, closed_at)",
                (digest, self._before),
            ).fetchone()
        return None if row is None else Extent(*row)

    def move(self, moves: Iterable[tuple[bytes, Extent, Extent]]) -> None:
        """Move sessions, by digest, from one extent to another. A session that has been evicted
        again since stays where it is.
        """
        self._change(
            _MOVE, [(new.number, new.start, key, old.number, old.start) for key, old, new in moves]
        )

    def drop(self, digests: Iterable[bytes]) -> None:
        """Drop these sessions."""
        self._change("DELETE FROM evicted WHERE digest = ?", [(one,) for one in digests])

    def prune(self) -> None:
        """Free the memory of sessions that are no longer found."""
        self._change("DELETE FROM evicted WHERE closed_at < ?", [(self._before,)])

    def close(self) -> None:
        """Release the memory."""
        with self._lock:
            self._db.close()

    def _change(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if not rows:
            return
        with self._lock:
            self._db.execute("BEGIN")
            self._db.executemany(statement, rows)
            self._db.execute("COMMIT")
