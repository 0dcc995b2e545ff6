"""The files of a recording: one file per shard, plain or compressed, read in blocks."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import BinaryIO, Final, NamedTuple

from worker.errors import BadInput, Unreadable
from worker.recordings.foreign import BYTE_ORDER_MARK, HEAD_BYTES, foreign
from worker.recordings.unpacking import Compression, CutOff, decompressed, lines_in

SUFFIXES: Final[dict[str, Compression | None]] = {
    ".jsonl": None,
    ".jsonl.zst": "zst",
    ".jsonl.gz": "gz",
}
STANDARD_INPUT: Final = "-"
RECORDING_LINE_BYTES: Final = (
    16 << 20
)  # a 10 MiB record in base64, with room for the rest of the line

_PLAIN_BLOCK: Final = 1 << 20
_PACKED_BLOCK: Final = 1 << 15


class ShardFile(NamedTuple):
    """One file of a recording. ``path`` None is standard input."""

    shard: str
    path: Path | None
    compression: Compression | None


def shard_of_file(name: str) -> tuple[str, Compression | None] | None:
    r"""Return the shard id and compression that a file's name implies; None if it isn't a shard
    file.

    Bytes of a name that aren't UTF-8 appear in the id as ``\xNN``.
    """
    for suffix, compression in SUFFIXES.items():
        if name.endswith(suffix) and len(name) > len(suffix) and not name.startswith("."):
            return _as_text(name.removesuffix(suffix)), compression
    return None


def _as_text(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def find_shard_files(path: str) -> list[ShardFile]:
    """Return the files of the recording at ``path``, by shard id: a folder, one file, or ``-``.

    Raises BadInput if nothing at ``path`` could be read as a recording.
    """
    if path == STANDARD_INPUT:
        return [ShardFile("stdin", None, None)]
    place = Path(path)
    try:
        if place.is_dir():
            return _files_in(place)
        place.stat()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error
    shard, compression = shard_of_file(place.name) or (_as_text(place.stem), None)
    return [ShardFile(shard, place, compression)]


_KINDS: Final = {
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""Entries of a folder under a shard's name that lead out of the folder."""


def _files_in(folder: Path) -> list[ShardFile]:
    files: dict[str, ShardFile] = {}
    for place in sorted(folder.iterdir()):
        known = shard_of_file(place.name)
        mode = place.lstat().st_mode
        if known is None or stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            raise BadInput(f"{place}: not a regular file, but {_KINDS.get(stat.S_IFMT(mode))}")
        shard, compression = known
        if shard in files:
            raise BadInput(f"{folder}: shard {shard} is there twice, in {place.name} and another")
        files[shard] = ShardFile(shard, place, compression)
    if not files:
        raise BadInput(f"{folder}: no recording here (no *.jsonl, *.jsonl.zst or *.jsonl.gz)")
    return [files[shard] for shard in sorted(files)]


def lines_of(file: ShardFile) -> Iterator[bytes | CutOff]:
    """Yield the lines of ``file``, of at most RECORDING_LINE_BYTES, as ``lines_in`` does.

    Raises BadInput if the file can't be opened or read, or holds something other than records: then
    with the command that converts it.
    """
    try:
        with _opened(file) as stream:
            if file.compression is None:
                blocks = _blocks(stream, _PLAIN_BLOCK)
            else:
                blocks = decompressed(_blocks(stream, _PACKED_BLOCK), file.compression)
            yield from lines_in(_of_recording(blocks, file), RECORDING_LINE_BYTES)
    except OSError as error:
        raise BadInput(f"{file.path or STANDARD_INPUT}: {error.strerror}") from error


_READERS: Final[dict[Compression | None, str]] = {None: "cat", "zst": "zstd -dc", "gz": "gzip -dc"}


def _of_recording(blocks: Iterator[bytes], file: ShardFile) -> Iterator[bytes]:
    """Yield the blocks, without a byte order mark. Raises BadInput if they aren't a recording's."""
    head, cut = b"", None
    try:
        while len(head) < HEAD_BYTES and (block := next(blocks, None)) is not None:
            head += block
    except Unreadable as error:
        cut = error
    found = foreign(head[:HEAD_BYTES])
    if found is not None:
        path = "" if file.path is None else quote(str(file.path))
        source = f"{_READERS[file.compression]} {path} | " if path else ""
        raise BadInput(
            f"{path or 'standard input'}: {found.kind}, but a recording has one record per line; "
            f"this converts it: {source}{found.command} > shard.jsonl"
        )
    yield head.removeprefix(BYTE_ORDER_MARK)
    if cut is not None:
        raise cut
    yield from blocks


@contextmanager
def _opened(file: ShardFile) -> Iterator[BinaryIO]:
    if file.path is None:
        if sys.stdin is None:
            raise BadInput("standard input is closed")
        yield sys.stdin.buffer
    else:
        with file.path.open("rb", buffering=0) as stream:
            yield stream


def _blocks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    while block := stream.read(size):
        yield block
