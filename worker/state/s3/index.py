"""Where each packed session lies, in memory, at some 60 bytes a session.

A Python dict of as much would take thrice the room; a table of SQLite's in memory does not, and
it replaces, moves and prunes many rows at once without holding up other threads.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Final

from worker.state.s3.manifest import Extent
from worker.state.s3.segment import EvictedExtent

_SCHEMA: Final = """
CREATE TABLE packed (
  digest BLOB PRIMARY KEY, closed_at INTEGER, number INTEGER, start INTEGER, length INTEGER
) WITHOUT ROWID
"""
_MOVE: Final = (
    "UPDATE packed SET number = ?, start = ? WHERE digest = ? AND number = ? AND start = ?"
)


class EvictedIndex:
    """From digests of session keys to places. Safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._before: int | None = None
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute(_SCHEMA)

    def add(self, number: int, evicted: Iterable[EvictedExtent]) -> None:
        """The segment ``number`` holds these; the latest of a session is the one that counts."""
        rows = [(one.digest, one.closed_at, number, one.start, one.length) for one in evicted]
        self._change("INSERT OR REPLACE INTO packed VALUES (?, ?, ?, ?, ?)", rows)

    def forget(self, before: int | None) -> None:
        """Find none that closed before that (epoch ms) any more."""
        self._before = before

    def find(self, digest: bytes) -> Extent | None:
        """Where a session lies, if it is still kept."""
        with self._lock:
            row = self._db.execute(
                "SELECT number, start, length FROM packed WHERE digest = ?"
                " AND closed_at >= coalesce(?, closed_at)",
                (digest, self._before),
            ).fetchone()
        return None if row is None else Extent(*row)

    def move(self, moves: Iterable[tuple[bytes, Extent, Extent]]) -> None:
        """Sessions were copied, by their digests from one place to another. One that has been
        packed anew since stays where it is.
        """
        self._change(
            _MOVE, [(new.number, new.start, key, old.number, old.start) for key, old, new in moves]
        )

    def drop(self, digests: Iterable[bytes]) -> None:
        """These sessions were removed."""
        self._change("DELETE FROM packed WHERE digest = ?", [(one,) for one in digests])

    def prune(self) -> None:
        """Make room: drop what is not to be found any more."""
        self._change("DELETE FROM packed WHERE closed_at < ?", [(self._before,)])

    def close(self) -> None:
        """Let go of the memory."""
        with self._lock:
            self._db.close()

    def _change(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if not rows:
            return
        with self._lock:
            self._db.execute("BEGIN")
            self._db.executemany(statement, rows)
            self._db.execute("COMMIT")
