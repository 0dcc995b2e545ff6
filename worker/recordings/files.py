"""What a recording looks like on disk: one file a shard, plain or compressed, read in blocks."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple, Protocol

import zstandard

from worker.errors import BadInput, Unreadable

Compression = Literal["zst", "gz"]

SUFFIXES: Final[dict[str, Compression | None]] = {
    ".jsonl": None,
    ".jsonl.zst": "zst",
    ".jsonl.gz": "gz",
}
STANDARD_INPUT: Final = "-"
LONGEST_LINE: Final = 16 << 20  # a 10 MiB record in base64, with room for the rest of the line

_PLAIN_BLOCK: Final = 1 << 20
_PACKED_BLOCK: Final = 1 << 15  # unpacked, some ten times as much is in memory at once


class ShardFile(NamedTuple):
    """One file of a recording. ``path`` None is standard input."""

    shard: str
    path: Path | None
    compression: Compression | None


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def shard_of_file(name: str) -> tuple[str, Compression | None] | None:
    """Shard id and compression that a file's name tells; None if it is no shard file."""
    for suffix, compression in SUFFIXES.items():
        if name.endswith(suffix) and len(name) > len(suffix) and not name.startswith("."):
            return name.removesuffix(suffix), compression
    return None


def find_shard_files(path: str) -> list[ShardFile]:
    """The files of the recording at ``path``, by shard id: a folder, one file, or ``-``.

    Raises BadInput if there is nothing at ``path`` that could be read as a recording.
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
    shard, compression = shard_of_file(place.name) or (place.stem, None)
    return [ShardFile(shard, place, compression)]


def _files_in(folder: Path) -> list[ShardFile]:
    files: dict[str, ShardFile] = {}
    for place in sorted(folder.iterdir()):
        known = shard_of_file(place.name)
        if known is None or place.is_dir():
            continue
        shard, compression = known
        if shard in files:
            raise BadInput(f"{folder}: shard {shard} is there twice, in {place.name} and another")
        files[shard] = ShardFile(shard, place, compression)
    if not files:
        raise BadInput(f"{folder}: no recording here (no *.jsonl, *.jsonl.zst or *.jsonl.gz)")
    return [files[shard] for shard in sorted(files)]


class CutOff(NamedTuple):
    """Where compressed data ends too early or is damaged: why, and the line that had begun."""

    reason: str
    begun: bytes


def lines_of(file: ShardFile) -> Iterator[bytes | CutOff]:
    """The lines of ``file`` without their newlines, never more than a block of it in memory.

    A line over LONGEST_LINE bytes comes as its first LONGEST_LINE + 1 bytes. A CutOff comes last.
    Raises BadInput if the file can't be opened or read.
    """
    try:
        with _opened(file) as stream:
            if file.compression is None:
                yield from _split(_blocks(stream, _PLAIN_BLOCK))
            else:
                packed = _blocks(stream, _PACKED_BLOCK)
                yield from _split(_unpacked(packed, _DECOMPRESSORS[file.compression]))
    except OSError as error:
        raise BadInput(f"{file.path or STANDARD_INPUT}: {error.strerror}") from error


@contextmanager
def _opened(file: ShardFile) -> Iterator[BinaryIO]:
    if file.path is None:
        yield sys.stdin.buffer
    else:
        with file.path.open("rb", buffering=0) as stream:
            yield stream


def _blocks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    while block := stream.read(size):
        yield block


_DECOMPRESSORS: Final[dict[Compression, Callable[[], _Decompressor]]] = {
    "zst": lambda: zstandard.ZstdDecompressor().decompressobj(),
    "gz": lambda: zlib.decompressobj(wbits=31),
}


def _unpacked(blocks: Iterable[bytes], start: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """Frames (zst) or members (gz) one after another, as either tool's concatenation makes them."""
    frame: _Decompressor | None = None
    for block in blocks:
        rest = block
        while rest:
            frame = frame or start()
            try:
                plain = frame.decompress(rest)
            except (zstandard.ZstdError, zlib.error) as error:
                raise Unreadable("compressed data is damaged") from error
            yield plain
            rest = b""
            if frame.eof:
                rest, frame = frame.unused_data, None
    if frame is not None:
        raise Unreadable("compressed data ends too early")


def _split(blocks: Iterable[bytes]) -> Iterator[bytes | CutOff]:
    begun: list[bytes] = []
    length = 0
    try:
        for block in blocks:
            first, *others = block.split(b"\n")
            if length <= LONGEST_LINE:
                begun.append(first)
                length += len(first)
            if others:
                yield b"".join(begun)[: LONGEST_LINE + 1]
                last = others.pop()
                yield from others
                begun, length = [last], len(last)
    except Unreadable as cut:
        yield CutOff(str(cut), b"".join(begun)[: LONGEST_LINE + 1])
        return
    if length:
        yield b"".join(begun)[: LONGEST_LINE + 1]
