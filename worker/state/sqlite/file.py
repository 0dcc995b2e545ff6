"""The state file as a file: whether it is one, whole and usable, and how SQLite opens it.

The latest commits lie in a separate file, ``NAME-wal``, until a checkpoint moves them. So that a
state copied without that file isn't taken for a whole one, ``meta`` has a row ``wal``: the commit
before each checkpoint sets it to 1, the one after it back to 0. So the main file by itself says 1
while the state is in use; together with its ``-wal``, or after SQLite has closed it cleanly, it
says 0.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from worker.errors import CorruptState, Misconfigured

FORMAT: Final = 2

_SCHEMA: Final = """
BEGIN IMMEDIATE;
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
INSERT OR IGNORE INTO meta VALUES ('format', 2), ('wal', 0);
COMMIT;
"""
_TABLES: Final = frozenset({"meta", "deltas", "closed_sessions", "outbox", "ledger"})
_MAGIC: Final = b"SQLite format 3\0"
_WAL_VERSION: Final = 2  # the header's bytes 18 and 19, in a file whose commits go to its -wal
_BUSY_S: Final = 30.0
_LOOK_S: Final = 10.0

_NO_ROOM: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR_WRITE,  # beyond a quota or the size that a file may have
        sqlite3.SQLITE_IOERR_SHMSIZE,
        sqlite3.SQLITE_IOERR_FSYNC,  # where space is allocated only on flush
    }
)


class NoRoom(Misconfigured):
    """The disk or a quota is full. Nothing was written, and the call can be retried."""


def has_wal(path: Path) -> bool:
    """Whether commits lie beside the file. A reader may have left an empty ``-wal``."""
    wal = Path(f"{path}-wal")
    try:
        return wal.stat().st_size > 0
    except OSError:
        return False


def holds_state(path: Path) -> bool:
    """Whether there is a state at ``path``; False if there is nothing yet, or an empty file.

    Nothing is written, and a file that nobody has open is read without locks. Raises
    ``Misconfigured`` for a file that isn't this worker's or can't be read, ``CorruptState`` for one
    that has lost its tables.
    """
    head = _head(path)
    if not head:
        return False
    if not head.startswith(_MAGIC):
        raise Misconfigured(f"{path} is neither a state file nor any SQLite file: name another one")
    with usable(path), closing(connect_to_read(path)) as db:
        rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    tables = {name for (name,) in rows if not name.startswith("sqlite_")}
    if tables >= _TABLES:
        return True
    in_wal = len(head) > 18 and head[18] == _WAL_VERSION
    if not tables and in_wal:
        raise _lost_wal(path, "it has no tables")
    if len(tables & _TABLES) > 1:
        missing = ", ".join(sorted(_TABLES - tables))
        raise CorruptState(f"{path} has lost tables of its state ({missing}): take a backup of it")
    raise Misconfigured(f"{path} is another program's database, not a state: name another file")


def is_whole(path: Path) -> bool:
    """Whether the file, which holds a state, holds all of it, together with its ``-wal``."""
    if has_wal(path):
        return True
    with usable(path), closing(connect_to_read(path)) as db:
        marked = db.execute("SELECT value FROM meta WHERE name = 'wal'").fetchone()
    return not (marked and marked[0])


def require_whole(path: Path) -> None:
    """Raise ``CorruptState`` if the file, which holds a state, has lost its ``-wal``."""
    if not is_whole(path):
        raise _lost_wal(path, "it was in use when it was copied, or that file was deleted")


def _lost_wal(path: Path, why: str) -> CorruptState:
    return CorruptState(
        f"{path} is not whole: its latest commits were in {path}-wal, which isn't there ({why}); "
        "put that file beside it, or copy the state again with `voice-insights state copy`, which "
        "also says how to continue with what is left"
    )


def require_writable(path: Path) -> None:
    """Raise ``Misconfigured`` if no state can be kept at ``path``."""
    folder = path.resolve().parent
    if path.is_dir() or not folder.is_dir():
        raise Misconfigured(f"state: can't use {path}: there is no such file or folder")
    for place in (folder, path):
        if place.exists() and not os.access(place, os.W_OK):
            raise Misconfigured(
                f"state: can't use {path}: {place} can't be written (permissions, or a mount that "
                "is read-only); SQLite writes the state and files beside it"
            )


def connect_to_write(path: Path) -> sqlite3.Connection:
    """Open a state for writing; create it, readable by its owner only, if there is none."""
    path.touch(mode=0o600)  # SQLite gives the files beside it the same mode
    place = path.resolve()  # some relative names mean something else to SQLite
    db = sqlite3.connect(place, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            db.executescript(_SCHEMA)
        db.execute("PRAGMA journal_mode=WAL")
        # FULL: a commit survives a crash of the machine, not only of the process
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA wal_autocheckpoint=0")  # the store makes its own
    except BaseException:
        db.close()
        raise
    return db


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a state read-only, while its owner may be running.

    Without a ``-wal`` nobody has it open, and SQLite needs no files beside it: so it can be read
    even where nothing can be written.
    """
    in_use = has_wal(path) or Path(f"{path}-journal").exists()
    mode = "mode=ro" if in_use else "mode=ro&immutable=1"
    return sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, timeout=_LOOK_S)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run a writing transaction; roll it back if the block raises."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite itself rolls some failures back
            db.execute("ROLLBACK")
        raise


Files = tuple[tuple[int, int] | None, ...]


def files_of(path: Path) -> Files:
    """Return the files at ``path`` and at its ``-wal``, by device and inode; None where there is
    none.
    """
    return tuple(map(_identity, (path, Path(f"{path}-wal"))))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(100)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise Misconfigured(f"state: can't use {path}: {error.strerror}") from error


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Translate SQLite's errors into the worker's own: a disk that is full (``NoRoom``), a file
    that can't be used (``Misconfigured``), or one that is damaged (``CorruptState``).
    """
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in _NO_ROOM:
            raise NoRoom(f"state: no room for {path}: {error}") from error
        if has_wal(path) and error.sqlite_errorcode & 0xFF in _NOT_WRITABLE:
            raise Misconfigured(
                f"{path} can't be read where SQLite can't write beside it, for its latest commits "
                f"are in {path}-wal: copy it elsewhere with `voice-insights state copy` ({error})"
            ) from error
        raise Misconfigured(f"state: can't use {path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise CorruptState(f"{path}: {error}") from error


_NOT_WRITABLE: Final = frozenset(
    {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
)
