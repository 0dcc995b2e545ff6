"""The encoding of a closed session, the same in every store, with a version of its own. Pure.

The version precedes what it describes: stores move these bytes from place to place unread, so they
may be older than the file or segment that contains them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from worker.partition.commit_outputs import EvictedSession

CLOSED_SESSION_VERSION: Final = 1


def encode_closed(session: EvictedSession) -> bytes:
    """Return the version in one byte, then state and log (msgpack)."""
    return _PREFIX + _ENCODER.encode(session)


def decode_closed(data: bytes) -> EvictedSession:
    """Return the closed session that these bytes encode. Raises ``msgspec.DecodeError`` if they
    aren't one of a version that this release reads.
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
"""Decoders by version. A release that writes version N keeps the decoder of N-1, converting to
N.
"""

_KNOWN: Final = " and ".join(map(str, _READERS))
