"""What the rows of a state file hold: commits' deltas and closed sessions, compressed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import zstandard
from msgspec.structs import astuple

from worker.errors import CorruptState
from worker.partition.commit_outputs import Packed
from worker.partition.delta import Delta, decode, merge_all
from worker.state import closed_session

_LEVEL: Final = 1


def whole_state(path: Path, db: sqlite3.Connection, last: int | None = None) -> Delta:
    """What all commits, or those up to ``last``, amount to.

    Raises ``CorruptState``, with the last good commit, if one can't be read.
    """
    rows = db.execute("SELECT n, data FROM deltas WHERE n <= coalesce(?, n) ORDER BY n", (last,))
    return merge_all(_decoded(path, rows), str(path))


def _decoded(path: Path, rows: Iterable[tuple[int, bytes]]) -> Iterator[Delta]:
    good = "there is no good one before it"
    for n, data in rows:
        try:
            delta = decode(zstandard.decompress(data))
        except (msgspec.DecodeError, zstandard.ZstdError) as error:
            raise CorruptState(f"{path}: commit {n} can't be read ({error}); {good}") from error
        yield delta
        good = f"the last good one is {n}"


def unpacked(path: Path, session_id: str, data: bytes) -> Packed:
    """The closed session in a row of ``closed_sessions``. Raises ``CorruptState``, for an unknown
    version, too.
    """
    try:
        return closed_session.decode(zstandard.decompress(data))
    except (msgspec.DecodeError, zstandard.ZstdError) as error:
        raise CorruptState(
            f"{path}: the closed session {session_id} can't be read ({error})"
        ) from error


def row_of(packed: Packed) -> tuple[object, ...]:
    """The row of ``closed_sessions`` for one of them."""
    state = packed.state
    closed_at = 0 if state.closed is None else state.closed.at
    data = compress(closed_session.encode(packed))
    return *astuple(state.key), closed_at, state.revision, data


def compress(data: bytes) -> bytes:
    """With a checksum, so that damage is noticed and not read as something else."""
    return zstandard.ZstdCompressor(_LEVEL, write_checksum=True).compress(data)
