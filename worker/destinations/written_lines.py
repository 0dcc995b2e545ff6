"""Reads back the lines that the worker has written: in files, and in objects of a bucket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from worker.destinations.objects import SUFFIX
from worker.errors import BadInput
from worker.objectstore.retrying import Access
from worker.recordings.unpacking import CutOff, decompressed, lines_in

WRITTEN_LINE_BYTES: Final = 64 << 20
"""The most bytes of a line: room for the dead letter of the largest record or session."""

_BLOCK: Final = 1 << 20
_PART: Final = 8 << 20


class WrittenLine(NamedTuple):
    """A line without its end, with the path or URL of its source, and its number there, from 1."""

    source: str
    number: int
    data: bytes


def lines_of_file(path: Path) -> Iterator[WrittenLine]:
    """Yield all lines of a file except blank ones, which remain where lines were removed. Raises
    ``BadInput`` if the file can't be read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            blocks = iter(lambda: file.read(_BLOCK), b"")
            for line in _numbered(str(path), blocks):
                if line.data and not line.data.isspace():
                    yield line
    except OSError as error:
        raise BadInput(f"can't read {path}: {error.strerror}") from error


def lines_of_object(at: Access, key: str) -> Iterator[WrittenLine]:
    """Yield all lines of one object. Raises ``BadInput`` if it doesn't exist or can't be read."""
    first = at.read_range(key, 0, _PART)
    if first is None:
        raise BadInput(f"there is no object {at.url}/{key}")
    yield from _unpacked(at, key, first)


def lines_of_folder(at: Access, folder: str) -> Iterator[WrittenLine]:
    """Yield all lines of the objects at ``at``, a prefix that contains ``folder`` or is a part of
    that folder, such as a day. In order of days and hours; a part of one object is in memory at a
    time.

    Raises ``BadInput`` for an object that can't be read.
    """
    for key in keys_of_folder(at, folder):
        first = at.read_range(key, 0, _PART)
        if first is not None:  # else it was deleted since the listing
            yield from _unpacked(at, key, first)


def keys_of_folder(at: Access, folder: str) -> Iterator[str]:
    """Yield the keys of the objects of lines at ``at``, a prefix as in ``lines_of_folder``."""
    inside = f"/{folder}/" in f"{at.url}/"
    for key in at.keys("" if inside else f"{folder}/"):
        if key.endswith(SUFFIX) and f"/{folder}/dt=" in f"{at.url}/{key}":
            yield key


def lines_of_bytes(url: str, data: bytes) -> Iterator[WrittenLine]:
    """Return the lines of an object's bytes. Raises ``BadInput`` if they can't be read."""
    return _numbered(url, decompressed((data,), "zst"))


def _unpacked(at: Access, key: str, first: bytes) -> Iterator[WrittenLine]:
    return _numbered(f"{at.url}/{key}", decompressed(_parts(at, key, first), "zst"))


def _parts(at: Access, key: str, first: bytes) -> Iterator[bytes]:
    """Yield an object from its ``first`` part on. An object under this name never changes."""
    part, end = first, 0
    while part:
        yield part
        end += len(part)
        part = (at.read_range(key, end, _PART) or b"") if len(part) == _PART else b""


def _numbered(source: str, blocks: Iterable[bytes]) -> Iterator[WrittenLine]:
    for number, line in enumerate(lines_in(blocks, WRITTEN_LINE_BYTES), 1):
        if isinstance(line, CutOff):
            raise BadInput(f"{source} can't be read: {line.reason}")
        if len(line) > WRITTEN_LINE_BYTES:
            raise BadInput(f"{source}, line {number}: longer than {WRITTEN_LINE_BYTES >> 20} MiB")
        yield WrittenLine(source, number, line)
