"""Segments: the immutable objects that hold what was committed. Pure.

A segment is a row of *pieces*, each compressed and checked by itself, and a tail::

    outbox bodies | packed sessions | delta | index | trailer
                                    '------- tail --------'

The tail is what a start reads: the delta, and the index that says where each packed session
lies. Any one piece can be fetched alone by its place. An archive is a segment without a delta.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from itertools import chain
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

import msgspec
import zstandard

from worker.errors import CorruptState
from worker.events.event import SessionKey
from worker.partition import delta as deltas
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import Delta
from worker.state import closed_session

SEGMENT_VERSION: Final = 1

_MAGIC: Final = b"VI-SEG"
_TRAILER: Final = Struct("<IIH6s")  # sizes of delta and index, version, magic
_SUM: Final = Struct("<I")
_LEVEL: Final = 3


class BlockExtent(NamedTuple):
    """Where a piece lies within its segment, in bytes."""

    start: int
    length: int


class EvictedExtent(NamedTuple):
    """Where a packed session lies, by its key's digest; ``closed_at`` in epoch ms."""

    digest: bytes
    closed_at: int
    start: int
    length: int


class EvictedBlock(NamedTuple):
    """A packed session as a piece."""

    digest: bytes
    closed_at: int
    block: bytes


class Segment(NamedTuple):
    """A segment to be written. ``footer``: where its tail begins."""

    data: bytes
    footer: int
    bodies: list[BlockExtent]
    evicted: list[EvictedExtent]


class Footer(NamedTuple):
    """A segment's tail, read. ``delta`` is None in one that changes no state."""

    delta: Delta | None
    evicted: list[EvictedExtent]


def digest(key: SessionKey) -> bytes:
    """What stands for a session's key in an index: 16 bytes."""
    return blake2b(msgspec.msgpack.encode(key), digest_size=16).digest()


def to_block(data: bytes) -> bytes:
    """Bytes as a piece: a checksum, then the bytes compressed."""
    compressed = zstandard.ZstdCompressor(_LEVEL).compress(data)
    return _SUM.pack(crc32(compressed)) + compressed


def from_block(block: bytes) -> bytes:
    """The bytes in a piece. Raises ``CorruptState`` if it isn't what was written."""
    if len(block) < _SUM.size or _SUM.unpack_from(block)[0] != crc32(block[_SUM.size :]):
        raise CorruptState("its checksum is wrong")
    try:
        return zstandard.decompress(block[_SUM.size :])
    except zstandard.ZstdError as error:
        raise CorruptState(str(error)) from error


def pack_session(evicted: EvictedSession) -> EvictedBlock:
    """A closed session as a piece."""
    closed = evicted.state.closed
    block = to_block(closed_session.encode_closed(evicted))
    return EvictedBlock(digest(evicted.state.key), 0 if closed is None else closed.at, block)


def unpack_session(block: bytes) -> EvictedSession:
    """The closed session in a piece. Raises ``CorruptState``, for an unknown version, too."""
    data = from_block(block)
    try:
        return closed_session.decode_closed(data)
    except msgspec.DecodeError as error:
        raise CorruptState(str(error)) from error


def build_segment(
    delta: Delta | None, bodies: Iterable[bytes] = (), evicted: Iterable[EvictedBlock] = ()
) -> Segment:
    """A segment of a delta and pieces."""
    bodies, evicted = list(bodies), list(evicted)
    blocks = [*bodies, *(one.block for one in evicted)]
    extents = list(_extents(blocks))
    packed_spots = [
        EvictedExtent(one.digest, one.closed_at, *extent)
        for one, extent in zip(evicted, extents[len(bodies) :], strict=True)
    ]
    delta_piece = b"" if delta is None else to_block(deltas.encode_delta(delta))
    index_piece = to_block(_INDEX_ENCODER.encode(packed_spots))
    trailer = _TRAILER.pack(len(delta_piece), len(index_piece), SEGMENT_VERSION, _MAGIC)
    data = b"".join(chain(blocks, (delta_piece, index_piece, trailer)))
    footer = len(data) - len(trailer) - len(index_piece) - len(delta_piece)
    return Segment(data, footer, extents[: len(bodies)], packed_spots)


def read_footer(data: bytes) -> Footer:
    """What a segment's tail says. Raises ``CorruptState``, for an unknown version, too."""
    if len(data) < _TRAILER.size:
        raise CorruptState("it is cut short")
    delta_size, index_size, version, magic = _TRAILER.unpack_from(data, len(data) - _TRAILER.size)
    if magic != _MAGIC:
        raise CorruptState("it is no segment")
    read = _READERS.get(version)
    if read is None:
        raise CorruptState(f"it is of version {version}, this release reads {_KNOWN}")
    if delta_size + index_size + _TRAILER.size != len(data):
        raise CorruptState("its parts don't fit together")
    return read(data[:delta_size], data[delta_size : delta_size + index_size])


def _read_1(delta_piece: bytes, index_piece: bytes) -> Footer:
    try:
        evicted = _INDEX.decode(from_block(index_piece))
        if not delta_piece:
            return Footer(None, evicted)
        delta = deltas.decode_delta(from_block(delta_piece))
    except msgspec.DecodeError as error:
        raise CorruptState(str(error)) from error
    return Footer(delta, evicted)


def _extents(blocks: Iterable[bytes]) -> Iterable[BlockExtent]:
    start = 0
    for block in blocks:
        yield BlockExtent(start, len(block))
        start += len(block)


_READERS: Final = {1: _read_1}
"""By version; a release that writes N keeps the reader of N-1."""

_KNOWN: Final = " and ".join(map(str, _READERS))
_INDEX_ENCODER: Final = msgspec.msgpack.Encoder()
_INDEX: Final = msgspec.msgpack.Decoder(list[EvictedExtent])
