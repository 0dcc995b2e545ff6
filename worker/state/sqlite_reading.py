"""Looking into a state file from outside, while its owner may be at work."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from worker.errors import CorruptState
from worker.partition.delta import merge
from worker.partition.outputs import Packed
from worker.state.sqlite import decoded_delta, unpacked


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


def find_sessions(path: Path, sid: str) -> list[Packed]:
    """The sessions, open or closed, whose session_id or call_sid is ``sid``.

    Raises ``CorruptState`` if the file is no state file.
    """
    try:
        with closing(_connect(path)) as db:
            closed = db.execute(
                "SELECT state, log FROM closed_sessions WHERE session_id = ? OR call_sid = ?",
                (sid, sid),
            ).fetchall()
            deltas = db.execute("SELECT n, data FROM deltas ORDER BY n").fetchall()
    except sqlite3.DatabaseError as error:
        raise CorruptState(f"{path}: {error}") from error
    held = merge(decoded_delta(path, n, data) for n, data in deltas).sessions
    found = [Packed(change.state, change.log) for change in held]
    open_ones = [one for one in found if sid in (one.state.key.session_id, one.state.key.call_sid)]
    return open_ones + [unpacked(*row) for row in closed]


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
