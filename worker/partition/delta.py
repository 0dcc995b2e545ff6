"""A commit's delta: what changed in a partition since the commit before.

Deltas form a monoid: restoring is merging all of them in order, and so is compaction, of
a stretch of them. A commit therefore costs what changed, not what is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from worker.events.event import SessionKey
from worker.metrics.series import Series
from worker.sessions.session import Session

VERSION: Final = 1

Mark = tuple[str, str, int]
"""A position in a shard as its source writes it; the partition only keeps it."""


class SessionChange(msgspec.Struct, array_like=True, gc=False):
    """A session's state as it now is, and the bytes that its log has grown by."""

    state: Session
    log: bytes


class Delta(msgspec.Struct, array_like=True):
    """``gone`` is taken away first, then ``sessions`` come in: a session in both starts anew.

    ``positions``: how far each shard was read; ``clocks``: per shard epoch ms; for both, an
    entry in ``ended_shards`` is taken away first. ``counters`` are increments. ``series`` are
    newly admitted ones in order.
    """

    version: int = VERSION
    stream_time: int | None = None
    ended_shards: list[str] = []
    clocks: dict[str, int] = {}
    positions: dict[str, Mark] = {}
    gone: list[SessionKey] = []
    sessions: list[SessionChange] = []
    series: list[Series] = []
    counters: dict[str, int] = {}


def merge(deltas: Iterable[Delta]) -> Delta:
    """One delta that does what these do, one after the other."""
    whole = Delta()
    sessions: dict[SessionKey, SessionChange] = {}
    logs: dict[SessionKey, list[bytes]] = {}
    gone: dict[SessionKey, None] = {}
    ended: dict[str, None] = {}
    for delta in deltas:
        if delta.stream_time is not None:
            whole.stream_time = delta.stream_time
        for shard in delta.ended_shards:
            ended[shard] = None
            whole.clocks.pop(shard, None)
            whole.positions.pop(shard, None)
        whole.clocks.update(delta.clocks)
        whole.positions.update(delta.positions)
        for key in delta.gone:
            gone[key] = None
            sessions.pop(key, None)
            logs.pop(key, None)
        for change in delta.sessions:
            key = change.state.key
            sessions[key] = change
            logs.setdefault(key, []).append(change.log)
        whole.series.extend(delta.series)
        for name, count in delta.counters.items():
            whole.counters[name] = whole.counters.get(name, 0) + count
    whole.ended_shards = list(ended)
    whole.gone = list(gone)
    whole.sessions = [
        SessionChange(change.state, b"".join(logs[key])) for key, change in sessions.items()
    ]
    return whole


def encode(delta: Delta) -> bytes:
    """A delta as bytes (msgpack)."""
    return _ENCODER.encode(delta)


def decode(data: bytes) -> Delta:
    """A delta from its bytes. Raises ``msgspec.DecodeError`` if they are no delta of a version
    that this release reads.
    """
    # an array of up to 15 fields, the version in front and below 128: both take one byte
    version = data[1] if len(data) > 1 and data[0] & 0xF0 == _ARRAY else 0
    read = _READERS.get(version)
    if read is None:
        raise msgspec.DecodeError(f"the delta is of version {version}, this release reads {_KNOWN}")
    return read(data)


_ARRAY: Final = 0x90
_ENCODER: Final = msgspec.msgpack.Encoder()
_READERS: Final[dict[int, Callable[[bytes], Delta]]] = {1: msgspec.msgpack.Decoder(Delta).decode}
"""By version; a release that writes N keeps the reader of N-1, which gives the N that it means."""

_KNOWN: Final = " and ".join(map(str, _READERS))
