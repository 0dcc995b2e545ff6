"""Compressed data and long lines, in bounded memory whatever they hold.

Some 60 KB of zstd can hold 2 GB, in one line or in many. Data is decompressed a few megabytes at a
time, and data that expands to a thousand times its size is refused; lines have a maximum length.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, NamedTuple, Protocol

import zstandard

from worker.errors import Unreadable

Compression = Literal["zst", "gz"]

_FED: Final = 512
"""Bytes of zstd that are decompressed at once: at most 128 blocks, of 128 KiB each."""

_GIVEN: Final = 1 << 20
"""The most bytes that gzip returns at once."""

_LARGEST_RATIO: Final = 1_000
_UNSUSPECTED: Final = 64 << 20
"""The bytes that any data may expand to, however small it is."""


class CutOff(NamedTuple):
    """The point where compressed data ends too early or is damaged: the reason, and the line begun
    there.
    """

    reason: str
    begun: bytes


def decompressed(blocks: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """Decompress frames (zst) or members (gz) one after another, as either tool's concatenation
    makes them.

    Raises ``Unreadable`` where the data is damaged, ends too early, or expands to more than 64 MiB
    and a thousand times its size.
    """
    packed_size = plain_size = 0
    chunks = _CHUNKS[compression]
    for fed, plain in chunks(blocks):
        packed_size += fed
        plain_size += len(plain)
        if plain_size > max(_UNSUSPECTED, _LARGEST_RATIO * packed_size):
            raise Unreadable(f"compressed data unpacks to {_LARGEST_RATIO:,} times its size")
        yield plain


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


Chunks = Iterator[tuple[int, bytes]]
"""The number of bytes fed, and the bytes that they yielded."""


def _zst(blocks: Iterable[bytes]) -> Chunks:
    frame: zstandard.ZstdDecompressionObj | None = None
    for block in blocks:
        for start in range(0, len(block), _FED):
            rest = fed = block[start : start + _FED]
            while rest:
                frame = frame or zstandard.ZstdDecompressor().decompressobj()
                try:
                    plain = frame.decompress(rest)
                except zstandard.ZstdError as error:
                    raise Unreadable("compressed data is damaged") from error
                yield len(fed), plain
                rest = fed = b""
                if frame.eof:
                    rest, frame = frame.unused_data, None
    if frame is not None:
        raise Unreadable("compressed data ends too early")


def _gz(blocks: Iterable[bytes]) -> Chunks:
    member: _Decompressor | None = None
    for block in blocks:
        rest, fed = block, len(block)
        while rest:
            member = member or zlib.decompressobj(wbits=31)
            try:
                plain = member.decompress(rest, _GIVEN)
            except zlib.error as error:
                raise Unreadable("compressed data is damaged") from error
            yield fed, plain
            rest, fed = member.unconsumed_tail, 0
            if member.eof:
                rest, member = member.unused_data, None
    if member is not None:
        raise Unreadable("compressed data ends too early")


_CHUNKS: Final[dict[Compression, Callable[[Iterable[bytes]], Chunks]]] = {"zst": _zst, "gz": _gz}


def lines_in(blocks: Iterable[bytes], longest: int) -> Iterator[bytes | CutOff]:
    """Yield lines without their newlines, with at most a block beyond one line in memory.

    A line over ``longest`` bytes is cut to its first ``longest`` + 1 bytes. Where ``blocks`` raises
    ``Unreadable``, a CutOff comes last.
    """
    begun: list[bytes] = []
    length = 0
    try:
        for block in blocks:
            first, *others = block.split(b"\n")
            if length <= longest:
                begun.append(first)
                length += len(first)
            if others:
                yield b"".join(begun)[: longest + 1]
                last = others.pop()
                yield from others
                begun, length = [last], len(last)
    except Unreadable as cut:
        yield CutOff(str(cut), b"".join(begun)[: longest + 1])
        return
    if length:
        yield b"".join(begun)[: longest + 1]
