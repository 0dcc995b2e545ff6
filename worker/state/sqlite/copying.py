"""Copies a state file as a whole, by SQLite's own backup, while its owner may be running."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from worker.errors import BadInput, CorruptState, Misconfigured
from worker.private_files import owner_only
from worker.state.sqlite.file import (
    connect_to_read,
    has_wal,
    holds_state,
    require_whole,
    require_writable,
    usable,
)


def copy_file(source: Path, target: Path, *, without_wal: bool) -> None:
    """Copy a state into one file that is whole by itself and that nobody else can read.

    ``without_wal``: copy also what is left of a state that has lost its ``-wal``. Raises
    ``BadInput`` if there is no state at ``source``, ``Misconfigured`` if ``target`` exists already
    or can't be written, and ``CorruptState`` if the state isn't whole.
    """
    if target.exists():
        raise Misconfigured(f"{target} is there already: name a file that isn't")
    require_writable(target)
    with _readable(source, target.resolve().parent) as readable:
        if not holds_state(readable):
            raise BadInput(f"there is no state in {source}")
        if not without_wal:
            require_whole(readable)
        partial = target.with_name(f"{target.name}.partial")
        partial.unlink(missing_ok=True)
        os.close(owner_only(str(partial), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            with usable(source), closing(connect_to_read(readable)) as of:
                _back_up(of, partial)
            partial.rename(target)
        finally:
            partial.unlink(missing_ok=True)


def _back_up(of: sqlite3.Connection, partial: Path) -> None:
    with closing(sqlite3.connect(partial.resolve(), isolation_level=None)) as into:
        of.backup(into)
        into.execute("PRAGMA journal_mode=DELETE")  # puts everything in the one file
        into.execute("UPDATE meta SET value = 0 WHERE name = 'wal'")
        ((found,),) = into.execute("PRAGMA quick_check(1)").fetchall()
        if found != "ok":
            raise CorruptState(f"the copy would be damaged, as the state is: {found}")


@contextmanager
def _readable(source: Path, folder: Path) -> Iterator[Path]:
    """Yield the state where SQLite can read it: in its place, or, if SQLite would have to write
    beside it and can't, copied into ``folder``.
    """
    if not has_wal(source) or os.access(source.resolve().parent, os.W_OK):
        yield source
        return
    with TemporaryDirectory(dir=folder) as place:
        copy = Path(place) / source.name
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{source}{suffix}", f"{copy}{suffix}")
        yield copy
