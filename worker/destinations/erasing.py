"""Removes written lines: from files in place, from objects by replacing them.

A worker may be appending to a file meanwhile, or hold it open, so the file stays the same one: a
removed line is overwritten with spaces, and all others keep their numbers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import zstandard

from worker.destinations.written_lines import keys_of_folder, lines_of_bytes
from worker.errors import BadInput
from worker.objectstore.retrying import Access

Covers = Callable[[bytes], bool]
"""Whether a line is to be removed."""


class ErasedLines(NamedTuple):
    """The number of removed lines, and of the files or objects that held them."""

    lines: int = 0
    places: int = 0


def lines_without(body: bytes, covers: Covers) -> bytes:
    """Return the lines, each with its end, except those to be removed."""
    return b"".join(line for line in body.splitlines(keepends=True) if not covers(line))


def erase_in_file(path: Path, covers: Covers) -> ErasedLines:
    """Remove lines from a file, if it exists. Raises ``BadInput`` if it can't be read or
    written.
    """
    if not path.exists():
        return ErasedLines()
    try:
        with path.open("r+b") as file:
            extents = list(_extents(file, covers))
            for start, length in extents:
                file.seek(start)
                file.write(b" " * length)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise BadInput(f"can't write {path}: {error.strerror}") from error
    return ErasedLines(len(extents), int(bool(extents)))


def _extents(lines: BinaryIO, covers: Covers) -> Iterator[tuple[int, int]]:
    """Yield where the lines to be removed begin, and their lengths without the line ends."""
    start = 0
    for line in lines:
        if not line.isspace() and covers(line):
            yield start, len(line.rstrip(b"\n"))
        start += len(line)


def erase_in_folder(at: Access, folder: str, covers: Covers) -> ErasedLines:
    """Remove lines from the objects at ``at``, a prefix that contains ``folder`` or is a part of
    that folder: an object of which nothing is left is deleted, any other replaced.

    Raises ``BadInput`` for an object that can't be read.
    """
    erased = ErasedLines()
    for key in keys_of_folder(at, folder):
        lines = erase_in_object(at, key, covers)
        erased = ErasedLines(erased.lines + lines, erased.places + (lines > 0))
    return erased


def erase_in_object(at: Access, key: str, covers: Covers) -> int:
    """Remove lines from one object, if it exists; return their number."""
    while (found := at.read(key)) is not None:
        lines = [line.data for line in lines_of_bytes(f"{at.url}/{key}", found.data)]
        kept = [line for line in lines if not covers(line)]
        if len(kept) == len(lines):
            return 0
        if not kept:
            at.delete(key)
            return len(lines)
        if (
            at.replace(key, zstandard.compress(b"".join(line + b"\n" for line in kept)), found.etag)
            is not None
        ):
            return len(lines) - len(kept)
    return 0
