"""The layout of a fleet: its buckets, and where each lies in the keyed stream and in the state.
Pure.

A *bucket* is a fixed share of all sessions, with a partition and a state of its own. It is one
point in the hash key space of the keyed stream, so that it is always on exactly one open shard:
splits and merges move buckets between shards and never divide one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal
from zlib import crc32

import msgspec

from worker.errors import CorruptState

LAYOUT_VERSION: Final = 1
MAX_BUCKETS: Final = 256

_HASH_KEY_BITS: Final = 128


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """The facts that all processes of a fleet agree on; written once and never changed.

    ``source``, ``keyed``: the streams' names and creations, as an ``Engine``'s identity.
    ``buckets``: their number, 1 to 256. ``start``: where shards of the source without a position
    begin; an int is epoch ms.
    """

    source: str
    keyed: str
    buckets: int
    start: Literal["trim_horizon"] | int = "trim_horizon"
    version: int = LAYOUT_VERSION

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for a number of buckets out of range."""
        if not 1 <= self.buckets <= MAX_BUCKETS:
            raise ValueError(f"buckets: {self.buckets}, not in 1..{MAX_BUCKETS}")

    @property
    def fingerprint(self) -> int:
        """A number that bundles name the layout by; those of two fleets are hardly ever equal."""
        return crc32(f"{self.source}\n{self.keyed}\n{self.buckets}".encode())

    def bucket_of(self, text: str) -> int:
        """Return the bucket of a session, by its session id; or of an occurrence without a session,
        by the sequence number of its record.
        """
        return crc32(text.encode("utf-8", "replace")) % self.buckets

    def hash_key(self, bucket: int) -> int:
        """Return the bucket's point in the hash key space: the middle of its share."""
        return ((2 * bucket + 1) << (_HASH_KEY_BITS - 1)) // self.buckets

    def partition_key(self, bucket: int) -> str:
        """Return the partition key of the bucket's records. Kinesis requires one, and ignores it
        for a record with an explicit hash key.
        """
        return f"bucket-{bucket:02}"

    def buckets_between(self, first: int, last: int) -> list[int]:
        """Return the buckets on a shard of the keyed stream whose hash keys are ``first`` to
        ``last``, both included.
        """
        return [one for one in range(self.buckets) if first <= self.hash_key(one) <= last]

    def identity(self, bucket: int) -> str:
        """Return the identity that a bucket's state belongs to for good: see ``Store.acquire``."""
        return f"{self.source} by {self.keyed}, bucket {bucket} of {self.buckets}"

    def location(self, state: str, bucket: int) -> str:
        """Return the location of a bucket's state under the fleet's location ``state``: a prefix
        in a bucket of S3, or a file in a folder.
        """
        return f"{state.rstrip('/')}/bucket-{bucket:02}"


def encode_layout(layout: Layout) -> bytes:
    """Return a layout as bytes (JSON)."""
    return msgspec.json.format(msgspec.json.encode(layout), indent=1) + b"\n"


def decode_layout(data: bytes) -> Layout:
    """Return the layout that these bytes encode. Raises ``CorruptState`` if they are none, or of a
    version that this release doesn't read.
    """
    try:
        version = _VERSION.decode(data).version
        read = _READERS.get(version)
        if read is None:
            raise CorruptState(f"the layout is of version {version}, this release reads {_KNOWN}")
        return read(data)
    except msgspec.DecodeError as error:
        raise CorruptState(f"the layout: {error}") from error


class _Version(msgspec.Struct):
    version: int


_VERSION: Final = msgspec.json.Decoder(_Version)
_READERS: Final[dict[int, Callable[[bytes], Layout]]] = {1: msgspec.json.Decoder(Layout).decode}
"""Decoders by version. A release that writes version N keeps the decoder of N-1, converting to
N.
"""

_KNOWN: Final = " and ".join(map(str, _READERS))
