"""Erases a call from the rows of a state file, and from the pages that they leave behind."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from worker.partition.delta import encode_delta
from worker.partition.erasure import Erasure
from worker.state.sqlite.rows import compress, whole_state
from worker.state.store import Edit, ErasedState


def erased(path: Path, db: sqlite3.Connection, erasure: Erasure, edit: Edit) -> ErasedState:
    """Erase within a transaction; ``cleared`` is False until the file is rewritten."""
    (last,) = db.execute("SELECT coalesce(max(n), 1) FROM deltas").fetchone()
    state, resident = erasure.without(whole_state(path, db))
    db.execute("DELETE FROM deltas")
    db.execute("INSERT INTO deltas VALUES (?, 1, ?)", (last, compress(encode_delta(state))))
    closed = db.execute(
        "DELETE FROM closed_sessions WHERE ? IN (session_id, call_sid)", (erasure.sid,)
    ).rowcount
    edited = _edit_outbox(db, edit)
    return ErasedState(resident, closed, len(edited), sum(map(bool, edited)), False)


def written_anew(db: sqlite3.Connection) -> bool:
    """Rewrite a file without its deleted rows; False if others use it, or there is no room."""
    try:
        db.execute("VACUUM")
        (busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:
        return False
    return not busy


def _edit_outbox(db: sqlite3.Connection, edit: Edit) -> list[int]:
    """Return, for each changed entry, how many of its attempts may have been applied."""
    changed = []
    for id_, kind, body, ambiguous in db.execute("SELECT id, kind, body, ambiguous FROM outbox"):
        left = edit(kind, body)
        if left != body:
            changed.append((id_, left, ambiguous))
    db.executemany("DELETE FROM outbox WHERE id = ?", [(i,) for i, left, _ in changed if not left])
    updated = [(left, id_) for id_, left, _ in changed if left]
    db.executemany("UPDATE outbox SET body = ? WHERE id = ?", updated)
    return [ambiguous for _, _, ambiguous in changed]
