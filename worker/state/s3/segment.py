"""Segments: the immutable objects that hold committed data. Pure.

A segment is a sequence of *blocks*, each compressed and checksummed separately, and a footer::

    outbox bodies | evicted sessions | delta | index | trailer
                                     '------- footer -------'

A start reads the footer: the delta, and the index of where each evicted session lies. Any
block can be fetched alone by its extent. An archive is a segment without a delta.
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
    """The bytes of a block within its segment."""

    start: int
    length: int


class EvictedExtent(NamedTuple):
    """The bytes of an evicted session, by its key's digest; ``closed_at`` in epoch ms."""

    digest: bytes
    closed_at: int
    start: int
    length: int


class EvictedBlock(NamedTuple):
    """An evicted session as a block."""

    digest: bytes
    closed_at: int
    block: bytes


class Segment(NamedTuple):
    """A segment to be written. ``footer``: the offset of its footer."""

    data: bytes
    footer: int
    bodies: list[BlockExtent]
    evicted: list[EvictedExtent]


class Footer(NamedTuple):
    """A segment's footer, decoded. ``delta`` is None in a segment that changes no state."""

    delta: Delta | None
    evicted: list[EvictedExtent]


def digest(key: SessionKey) -> bytes:
    """Return the 16-byte digest of a session's key, used in indexes."""
    return blake2b(msgspec.msgpack.encode(key), digest_size=16).digest()


def to_block(data: bytes) -> bytes:
    """Return bytes as a block: a checksum, then the bytes compressed."""
    compressed = zstandard.ZstdCompressor(_LEVEL).compress(data)
    return _SUM.pack(crc32(compressed)) + compressed


def from_block(block: bytes) -> bytes:
    """Return the bytes in a block. Raises ``CorruptState`` if it isn't as it was written."""
    if len(block) < _SUM.size or _SUM.unpack_from(block)[0] != crc32(block[_SUM.size :]):
        raise CorruptState("its checksum is wrong")
    try:
        return zstandard.decompress(block[_SUM.size :])
    except zstandard.ZstdError as error:
        raise CorruptState(str(error)) from error


def pack_session(evicted: EvictedSession) -> EvictedBlock:
    """Return a closed session as a block."""
    closed = evicted.state.closed
    block = to_block(closed_session.encode_closed(evicted))
    return EvictedBlock(digest(evicted.state.key), 0 if closed is None else closed.at, block)


def unpack_session(block: bytes) -> EvictedSession:
    """Return the closed session in a block. Raises ``CorruptState``, also for an unknown
    version.
    """
    data = from_block(block)
    try:
        return closed_session.decode_closed(data)
    except msgspec.DecodeError as error:
        raise CorruptState(str(error)) from error


def build_segment(
    delta: Delta | None, bodies: Iterable[bytes] = (), evicted: Iterable[EvictedBlock] = ()
) -> Segment:
    """Return a segment of a delta and blocks."""
    bodies, evicted = list(bodies), list(evicted)
    blocks = [*bodies, *(one.block for one in evicted)]
    extents = list(_extents(blocks))
    evicted_extents = [
        EvictedExtent(one.digest, one.closed_at, *extent)
        for one, extent in zip(evicted, extents[len(bodies) :], strict=True)
    ]
    delta_block = b"" if delta is None else to_block(deltas.encode_delta(delta))
    index_block = to_block(_INDEX_ENCODER.encode(evicted_extents))
    trailer = _TRAILER.pack(len(delta_block), len(index_block), SEGMENT_VERSION, _MAGIC)
    data = b"".join(chain(blocks, (delta_block, index_block, trailer)))
    footer = len(data) - len(trailer) - len(index_block) - len(delta_block)
    return Segment(data, footer, extents[: len(bodies)], evicted_extents)


def read_footer(data: bytes) -> Footer:
    """Decode a segment's footer. Raises ``CorruptState``, also for an unknown version."""
    if len(data) < _TRAILER.size:
        raise CorruptState("it is truncated")
    delta_size, index_size, version, magic = _TRAILER.unpack_from(data, len(data) - _TRAILER.size)
    if magic != _MAGIC:
        raise CorruptState("it isn't a segment")
    read = _READERS.get(version)
    if read is None:
        raise CorruptState(f"it is of version {version}, this release reads {_KNOWN}")
    if delta_size + index_size + _TRAILER.size != len(data):
        raise CorruptState("its sizes don't add up")
    return read(data[:delta_size], data[delta_size : delta_size + index_size])


def _read_1(delta_block: bytes, index_block: bytes) -> Footer:
    try:
        evicted = _INDEX.decode(from_block(index_block))
        if not delta_block:
            return Footer(None, evicted)
        delta = deltas.decode_delta(from_block(delta_block))
    except msgspec.DecodeError as error:
        raise CorruptState(str(error)) from error
    return Footer(delta, evicted)


def _extents(blocks: Iterable[bytes]) -> Iterable[BlockExtent]:
    start = 0
    for block in blocks:
        yield BlockExtent(start, len(block))
        start += len(block)


_READERS: Final = {1: _read_1}
"""Decoders by version. A release that writes version N keeps the decoder of N-1."""

_KNOWN: Final = " and ".join(map(str, _READERS))
_INDEX_ENCODER: Final = msgspec.msgpack.Encoder()
_INDEX: Final = msgspec.msgpack.Decoder(list[EvictedExtent])
