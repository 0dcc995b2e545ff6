"""A commit's delta: what changed in a partition since the commit before.

Deltas form a monoid. Restoring merges all of them in order; compaction merges a consecutive run of
them. A commit therefore costs as much as what changed, not as much as what is open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from worker.errors import CorruptState
from worker.metrics.series import Series
from worker.metrics.totals import Totals, merge_totals
from worker.partition.revisions import RevisionPeriods, kept_revisions
from worker.sessions.event_log import unpack_log
from worker.sessions.state import Session
from worker.stream.position import Position

DELTA_VERSION: Final = 2


class SessionChange(msgspec.Struct, array_like=True, gc=False):
    """A session's whole current state, and the bytes appended to its log.

    ``number`` identifies the session in deltas while it is in memory; numbers are never reused.
    """

    number: int
    state: Session
    log: bytes


class SessionGrowth(msgspec.Struct, array_like=True, gc=False):
    """The events appended to a session, each as its log encodes it. All of them are new to the
    session, so its state follows from them.
    """

    number: int
    events: list[bytes]


class Delta(msgspec.Struct, array_like=True):
    """Applied in this order: sessions in ``removed`` are dropped by number; ``sessions`` are added
    or replaced; ``appended`` events are added to sessions. ``numbered`` is the highest session
    number assigned so far.

    ``positions``: how far each shard was read; ``clocks``: each shard's watermark in epoch ms; from
    both, the shards in ``ended_shards`` are dropped first. ``counters`` are increments. ``series``
    are those newly admitted, in order. ``found_sparse``: the stream's sequence numbers have been
    found not to be contiguous, which is final. ``revisions``: last revisions of closed sessions, to
    be appended to those of the same period. ``erased``: digests of the calls that an operator has
    erased. ``totals``: increments of the totals of series.
    """

    version: int = DELTA_VERSION
    stream_time: int | None = None
    ended_shards: list[str] = []
    clocks: dict[str, int] = {}
    positions: dict[str, Position] = {}
    numbered: int = 0
    removed: list[int] = []
    sessions: list[SessionChange] = []
    appended: list[SessionGrowth] = []
    series: list[Series] = []
    counters: dict[str, int] = {}
    found_sparse: bool = False
    revisions: RevisionPeriods = {}
    erased: list[bytes] = []
    totals: Totals | None = None


def merge(deltas: Iterable[Delta]) -> Delta:
    """Return one delta equivalent to these, applied one after the other."""
    whole = Delta()
    sessions: dict[int, _Merged] = {}
    removed: dict[int, None] = {}
    ended: dict[str, None] = {}
    revisions: defaultdict[int, list[bytes]] = defaultdict(list)
    erased: dict[bytes, None] = {}
    for delta in deltas:
        if delta.stream_time is not None:
            whole.stream_time = delta.stream_time
        for shard in delta.ended_shards:
            ended[shard] = None
            whole.clocks.pop(shard, None)
            whole.positions.pop(shard, None)
        whole.clocks.update(delta.clocks)
        whole.positions.update(delta.positions)
        whole.numbered = max(whole.numbered, delta.numbered)
        for number in delta.removed:
            removed[number] = None
            sessions.pop(number, None)
        for change in delta.sessions:
            _merged(sessions, change.number).changes(change)
        for growth in delta.appended:
            _merged(sessions, growth.number).grows(growth)
        whole.series.extend(delta.series)
        for name, count in delta.counters.items():
            whole.counters[name] = whole.counters.get(name, 0) + count
        whole.found_sparse |= delta.found_sparse
        for start, entries in delta.revisions.items():
            revisions[start].append(entries)
        erased |= dict.fromkeys(delta.erased)
        whole.totals = merge_totals(whole.totals, delta.totals)
    whole.revisions = kept_revisions(revisions, whole.stream_time)
    whole.erased = list(erased)
    whole.ended_shards = list(ended)
    whole.removed = list(removed)
    for number in sorted(sessions):
        # one by one, so that at most one log is in memory twice
        sessions.pop(number).write_to(number, whole)
    return whole


class _Merged:
    """One session's merged changes, in order."""

    __slots__ = ("_copied", "_log", "_state")

    def __init__(self) -> None:
        self._state: Session | None = None
        self._copied = False
        self._log: list[bytes] = []

    def changes(self, change: SessionChange) -> None:
        """Take over the session's whole state; append what is new to its log."""
        self._state, self._copied = change.state, False
        self._log.append(change.log)

    def grows(self, growth: SessionGrowth) -> None:
        """Append events; if the state is known, bring it up to date with them."""
        if self._state is None:
            self._log += growth.events
            return
        if not self._copied:
            self._state, self._copied = self._state.copy(), True
        log = b"".join(growth.events)
        self._log.append(log)
        self._state.take_in_rows(unpack_log(log, len(growth.events)))

    def write_to(self, number: int, whole: Delta) -> None:
        """Write the session into ``whole``: as growth if its state is in an earlier delta."""
        if self._state is None:
            whole.appended.append(SessionGrowth(number, self._log))
        else:
            whole.sessions.append(SessionChange(number, self._state, b"".join(self._log)))


def _merged(sessions: dict[int, _Merged], number: int) -> _Merged:
    merged = sessions.get(number)
    if merged is None:
        merged = sessions[number] = _Merged()
    return merged


def merge_all(deltas: Iterable[Delta], place: str) -> Delta:
    """Return the merge of a complete history of deltas, which has nothing before it to remove.

    Raises ``CorruptState``, which names the ``place``, if the first deltas are missing.
    """
    whole = merge(deltas)
    if whole.appended:
        raise CorruptState(
            f"{place}: {len(whole.appended)} sessions continue that no commit has begun"
        )
    whole.removed, whole.ended_shards = [], []
    return whole


def encode_delta(delta: Delta) -> bytes:
    """Return a delta as bytes (msgpack)."""
    return _ENCODER.encode(delta)


def decode_delta(data: bytes) -> Delta:
    """Return the delta that these bytes encode. Raises ``msgspec.DecodeError`` if they aren't a
    delta of a version that this release reads.
    """
    # an array of up to 15 fields, the version in front and below 128: both take one byte
    version = data[1] if len(data) > 1 and data[0] & 0xF0 == _ARRAY else 0
    read = _READERS.get(version)
    if read is None:
        raise msgspec.DecodeError(f"the delta is of version {version}, this release reads {_KNOWN}")
    return read(data)


_ARRAY: Final = 0x90
_ENCODER: Final = msgspec.msgpack.Encoder()
_READERS: Final[dict[int, Callable[[bytes], Delta]]] = {2: msgspec.msgpack.Decoder(Delta).decode}
"""Decoders by version. A release that writes version N keeps the decoder of N-1, converting to
N.
"""

_KNOWN: Final = " and ".join(map(str, _READERS))
