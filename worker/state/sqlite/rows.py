"""The rows of the state file, and their encoding."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import zstandard
from msgspec.structs import astuple

from worker.errors import CorruptState
from worker.outbox import ledger
from worker.outbox.entries import DeliveryOutcome, NewEntry, Settled
from worker.outbox.ledger import Note
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import Delta, decode_delta, merge_all
from worker.state import closed_session

_LEVEL: Final = 1


def whole_state(path: Path, db: sqlite3.Connection, last: int | None = None) -> Delta:
    """Return the merge of all commits, or of those up to ``last``.

    Raises ``CorruptState``, with the last good commit, if one can't be read.
    """
    rows = db.execute("SELECT n, data FROM deltas WHERE n <= coalesce(?, n) ORDER BY n", (last,))
    return merge_all(_decoded(path, rows), str(path))


def _decoded(path: Path, rows: Iterable[tuple[int, bytes]]) -> Iterator[Delta]:
    good = "there is no good one before it"
    for n, data in rows:
        try:
            delta = decode_delta(zstandard.decompress(data))
        except (msgspec.DecodeError, zstandard.ZstdError) as error:
            raise CorruptState(f"{path}: commit {n} can't be read ({error}); {good}") from error
        yield delta
        good = f"the last good one is {n}"


def closed_session_of(path: Path, session_id: str, data: bytes) -> EvictedSession:
    """Return the closed session in a row of ``closed_sessions``. Raises ``CorruptState``, also for
    an unknown version.
    """
    try:
        return closed_session.decode_closed(zstandard.decompress(data))
    except (msgspec.DecodeError, zstandard.ZstdError) as error:
        raise CorruptState(
            f"{path}: the closed session {session_id} can't be read ({error})"
        ) from error


def enqueue(db: sqlite3.Connection, new_entries: Iterable[NewEntry]) -> None:
    """Insert new entries into the outbox."""
    db.executemany(
        "INSERT INTO outbox (kind, body, made, ambiguous) VALUES (?, ?, ?, ?)", new_entries
    )


def keep(db: sqlite3.Connection, note: Note) -> None:
    """Keep a note of the ledger, and delete those that have become too old."""
    row = note.entry, note.newest, compress(ledger.encode_notes([note]))
    db.execute("INSERT INTO ledger VALUES (?, ?, ?)", row)
    db.execute("DELETE FROM ledger WHERE newest < ?", (note.newest - ledger.NOTES_KEPT_MS,))


def closed_session_row(evicted: EvictedSession) -> tuple[object, ...]:
    """Return a closed session as a row of ``closed_sessions``."""
    state = evicted.state
    closed_at = 0 if state.closed is None else state.closed.at
    data = compress(closed_session.encode_closed(evicted))
    return *astuple(state.key), closed_at, state.revision, data


def compress(data: bytes) -> bytes:
    """Compress with a checksum, so that damage is detected rather than decoded as something
    else.
    """
    return zstandard.ZstdCompressor(_LEVEL, write_checksum=True).compress(data)


def apply(db: sqlite3.Connection, settled: Iterable[Settled]) -> None:
    """Record the outcomes of attempts in the outbox, and keep their notes."""
    for entry, outcome, replacements, note in settled:
        if outcome.is_final:
            db.execute("DELETE FROM outbox WHERE id = ?", (entry,))
        else:
            db.execute(
                "UPDATE outbox SET state = 'PENDING', ambiguous = ambiguous + ? WHERE id = ?",
                (outcome is DeliveryOutcome.AMBIGUOUS, entry),
            )
        enqueue(db, replacements)
        if note is not None:
            keep(db, note)


def mark_wal(db: sqlite3.Connection, in_wal: int) -> None:
    """Record in the file whether commits that aren't in it yet lie in the ``-wal`` beside it."""
    db.execute("UPDATE meta SET value = ? WHERE name = 'wal'", (in_wal,))
