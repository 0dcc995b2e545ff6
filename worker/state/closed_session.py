"""A closed session as bytes, as every store keeps it, under a version of its own. Pure.

The version stands in front of what it describes: stores move these bytes from place to place
unread, so they may be older than the file or segment that they lie in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from worker.partition.commit_outputs import EvictedSession

CLOSED_SESSION_VERSION: Final = 1


def encode_closed(session: EvictedSession) -> bytes:
    """The version in one byte, then state and log (msgpack)."""
    return _PREFIX + _ENCODER.encode(session)


def decode_closed(data: bytes) -> EvictedSession:
    """A closed session from its bytes. Raises ``msgspec.DecodeError`` if they are none of a
    version that this release reads.
    """
    version = data[0] if data else 0
    read = _READERS.get(version)
    if read is None:
        raise msgspec.DecodeError(f"it is of version {version}, this release reads {_KNOWN}")
    return read(memoryview(data)[1:])


_PREFIX: Final = bytes([CLOSED_SESSION_VERSION])
_ENCODER: Final = msgspec.msgpack.Encoder()
_READERS: Final[dict[int, Callable[[memoryview], EvictedSession]]] = {
    1: msgspec.msgpack.Decoder(EvictedSession).decode
}
"""By version; a release that writes N keeps the reader of N-1, which gives the N that it means."""

_KNOWN: Final = " and ".join(map(str, _READERS))
