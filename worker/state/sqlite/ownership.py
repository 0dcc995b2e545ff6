"""Acquires a state file for a new owner, within a transaction."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from worker.errors import CorruptState, StreamReplaced
from worker.state.sqlite.file import FORMAT


def raise_epoch(path: Path, db: sqlite3.Connection, stream: str) -> int:
    """Acquire the state for ``stream``; return the new epoch. Attempts that were in flight when the
    previous owner ended become ambiguous, because their outcome is unknown.

    Raises ``CorruptState`` for a format that this release doesn't read, ``StreamReplaced`` if the
    state is another stream's.
    """
    meta = dict(db.execute("SELECT name, value FROM meta").fetchall())
    if meta["format"] != FORMAT:
        raise CorruptState(f"{path}: format {meta['format']}, this release reads {FORMAT}")
    if meta.get("stream", stream) != stream:
        raise StreamReplaced(
            f"{path} holds the state of {meta['stream']}, not of {stream}: name "
            "another state file, or move this one away to start an empty one"
        )
    epoch = int(meta.get("epoch", 0)) + 1
    db.executemany(
        "INSERT OR REPLACE INTO meta VALUES (?, ?)",
        [("stream", stream), ("epoch", epoch), ("wal", 0)],
    )
    db.execute(
        "UPDATE outbox SET state = 'PENDING', ambiguous = ambiguous + 1 WHERE state = 'SENDING'"
    )
    return epoch


def belong_to(db: sqlite3.Connection, stream: str) -> None:
    """Make the state that of another ``stream``."""
    db.execute("UPDATE meta SET value = ? WHERE name = 'stream'", (stream,))
