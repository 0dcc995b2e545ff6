"""Reading back the lines that the worker has written: of files, and of objects in a bucket."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import zstandard

from worker.destinations.objects import SUFFIX
from worker.errors import BadInput
from worker.objectstore.retrying import Access


class WrittenLine(NamedTuple):
    """A line, by the path or URL of what holds it, and its number there, from 1."""

    source: str
    number: int
    data: bytes


def lines_of_file(path: Path) -> Iterator[WrittenLine]:
    """All lines of a file but blank ones, which stand where lines were removed. Raises ``BadInput``
    if it can't be read.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.isspace():
                    yield WrittenLine(str(path), number, line)
    except OSError as error:
        raise BadInput(f"can't read {path}: {error.strerror}") from error


def lines_of_object(at: Access, key: str) -> Iterator[WrittenLine]:
    """All lines of one object. Raises ``BadInput`` if it isn't there or can't be read."""
    found = at.read(key)
    if found is None:
        raise BadInput(f"there is no object {at.url}/{key}")
    yield from unpacked(f"{at.url}/{key}", found.data)


def lines_of_folder(at: Access, folder: str) -> Iterator[WrittenLine]:
    """All lines of the objects at ``at``, a prefix that has ``folder`` or is a part of that
    folder, such as a day. In order of days and hours, one object in memory at a time.

    Raises ``BadInput`` for an object that can't be read.
    """
    for key in keys_of_folder(at, folder):
        found = at.read(key)
        if found is not None:  # else it was deleted since it was listed
            yield from unpacked(f"{at.url}/{key}", found.data)


def keys_of_folder(at: Access, folder: str) -> Iterator[str]:
    """The objects of lines at ``at``, which is a prefix as ``lines_of_folder`` takes it."""
    inside = f"/{folder}/" in f"{at.url}/"
    for key in at.keys("" if inside else f"{folder}/"):
        if key.endswith(SUFFIX) and f"/{folder}/dt=" in f"{at.url}/{key}":
            yield key


def unpacked(url: str, data: bytes) -> Iterator[WrittenLine]:
    """The lines of an object's bytes. Raises ``BadInput`` if they can't be read."""
    packed = zstandard.ZstdDecompressor().stream_reader(data)
    try:
        for number, line in enumerate(io.BufferedReader(packed), 1):
            yield WrittenLine(url, number, line)
    except zstandard.ZstdError as error:
        raise BadInput(f"{url} can't be read: {error}") from error
