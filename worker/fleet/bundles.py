"""The records of the keyed stream: bundles of one bucket's records, and marks. Pure.

Both are statements that stay true for good: *of the records of this source shard after that
position and up to this one, the bucket has exactly these* (a mark: none). So they may come late, or
any number of times; a bucket that has all records before takes those that it doesn't have yet.

On the wire it is a version in one byte, then msgpack, compressed with zstd.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import msgspec
import zstandard

from worker.errors import Unreadable
from worker.events.decode import MAX_PARTS

BUNDLE_VERSION: Final = 1

MAX_PLAIN_BYTES: Final = 16 << 20
"""The most bytes that a record of the keyed stream may decompress to: more than the largest record
of a source, 10 MiB, with the places of as many parts as it may have.
"""

_LEVEL: Final = 1
_LONGEST: Final = 4_096

_Name = Annotated[str, msgspec.Meta(max_length=_LONGEST)]


class BundleItem(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A record, or the part of it that belongs to the bucket, with its place and arrival (epoch ms)
    in the source.

    ``sub_sequence``: the index in its KPL aggregate, None for a plain record. ``element``: whether
    ``data`` is one element of a list, or one of several documents. ``refused``: why ``data`` is
    only the beginning; empty if it is whole.
    """

    sequence_number: _Name
    arrival: int
    data: bytes
    sub_sequence: int | None = None
    element: bool = False
    refused: str = ""


class SourceProgress(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A stretch of a source shard.

    ``after``, ``through``: the sequence numbers that bound the stretch, the second included; empty
    for the shard's beginning. ``clock``: epoch ms; no record that arrived in the shard before this
    time lies beyond ``through``; 0 if unknown. ``millis_behind``: the distance to the shard's tip.
    ``ended``: whether the shard is read to its end; ``children`` are then its child shards.
    ``horizon``: epoch ms; the stream may have dropped earlier records when the router began there;
    0 if it has dropped none, or all between were seen.
    """

    shard: _Name
    after: _Name
    through: _Name
    clock: int = 0
    millis_behind: int = 0
    ended: bool = False
    children: Annotated[tuple[_Name, ...], msgspec.Meta(max_length=64)] = ()
    horizon: int = 0


class Bundle(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """The records of one source shard's stretch that belong to one bucket, in the shard's order.

    ``fleet``: the layout's fingerprint.
    """

    fleet: int
    bucket: int
    progress: SourceProgress
    items: Annotated[list[BundleItem], msgspec.Meta(max_length=MAX_PARTS)]


class Mark(msgspec.Struct, frozen=True, array_like=True, tag=2, gc=False):
    """Stretches of source shards in which there is nothing for the bucket."""

    fleet: int
    bucket: int
    progress: Annotated[list[SourceProgress], msgspec.Meta(max_length=10_000)]


def encode_bundle(
    bundle: Bundle | Mark, compressor: zstandard.ZstdCompressor | None = None
) -> bytes:
    """Return a bundle or a mark as bytes. ``compressor``: reused by the caller, in one thread only;
    None makes a new one.
    """
    pack = compressor or bundle_compressor()
    return _PREFIX + pack.compress(_ENCODER.encode(bundle))


def bundle_compressor() -> zstandard.ZstdCompressor:
    """Return a compressor for ``encode_bundle``."""
    return zstandard.ZstdCompressor(level=_LEVEL)


def decode_bundle(data: bytes) -> Bundle | Mark:
    """Return the bundle or mark that these bytes encode, in bounded memory whatever they hold.
    Raises ``Unreadable`` if they are none, or of a version that this release doesn't read.
    """
    version = data[0] if data else 0
    read = _READERS.get(version)
    if read is None:
        raise Unreadable(f"a bundle of version {version}, this release reads {_KNOWN}")
    try:
        return read(_plain(data[1:]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"a bundle that doesn't hold what it must: {error}") from None


def _plain(frame: bytes) -> bytes:
    try:
        size = zstandard.frame_content_size(frame)
        # a frame that doesn't declare its size may have any
        if not 0 <= size <= MAX_PLAIN_BYTES:
            raise Unreadable(f"a bundle of {size} bytes, at most {MAX_PLAIN_BYTES} are read")
        return zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError:
        raise Unreadable("a bundle that is damaged") from None


_PREFIX: Final = bytes([BUNDLE_VERSION])
_ENCODER: Final = msgspec.msgpack.Encoder()
_READERS: Final[dict[int, Callable[[bytes], Bundle | Mark]]] = {
    1: msgspec.msgpack.Decoder(Bundle | Mark).decode
}
"""Decoders by version. A release that writes version N keeps the decoder of N-1, converting to N:
the keyed stream keeps records for days, and tasks of two releases run side by side.
"""

_KNOWN: Final = " and ".join(map(str, _READERS))
