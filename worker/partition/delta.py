"""A commit's delta: what changed in a partition since the commit before.

Deltas form a monoid: restoring is merging all of them in order, and so is compaction, of
a stretch of them. A commit therefore costs what changed, not what is open.
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
    """A session's state as it now is, and the bytes that its log has grown by.

    ``number``: what deltas know the session by, as long as it is in memory; never given twice.
    """

    number: int
    state: Session
    log: bytes


class SessionGrowth(msgspec.Struct, array_like=True, gc=False):
    """Events that a session has taken in, each as its log has it; all of them new to it, so that
    they tell what has become of its state.
    """

    number: int
    events: list[bytes]


class Delta(msgspec.Struct, array_like=True):
    """``removed`` is taken away first, by number; then ``sessions`` come in; then they have
    ``appended``. ``numbered``: the highest number given so far.

    ``positions``: how far each shard was read; ``clocks``: per shard epoch ms; for both, an
    entry in ``ended_shards`` is taken away first. ``counters`` are increments. ``series`` are
    newly admitted ones in order. ``found_sparse``: the stream's sequence numbers have been found
    not to follow one another, which is never taken back. ``revisions``: last revisions of closed
    sessions, to be put behind those of the same period. ``erased``: digests of calls that an
    operator has had removed. ``totals``: what is added to those of each series.
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
    """One delta that does what these do, one after the other."""
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
        # one after the other, so that no more than one log is there twice
        sessions.pop(number).write_to(number, whole)
    return whole


class _Merged:
    """All that became of one session, in order."""

    __slots__ = ("_copied", "_log", "_state")

    def __init__(self) -> None:
        self._state: Session | None = None
        self._copied = False
        self._log: list[bytes] = []

    def changes(self, change: SessionChange) -> None:
        """Its whole state was told; of its log what is new."""
        self._state, self._copied = change.state, False
        self._log.append(change.log)

    def grows(self, growth: SessionGrowth) -> None:
        """Events were told, and what they make of its state is left to be worked out."""
        if self._state is None:
            self._log += growth.events
            return
        if not self._copied:
            self._state, self._copied = self._state.copy(), True
        log = b"".join(growth.events)
        self._log.append(log)
        self._state.take_in(unpack_log(log, len(growth.events)))

    def write_to(self, number: int, whole: Delta) -> None:
        """Put it into ``whole``: as growth, if its state came before."""
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
    """The merge of all deltas from the first on, before which there is nothing to take away.

    Raises ``CorruptState``, which names the ``place``, if the first ones are missing.
    """
    whole = merge(deltas)
    if whole.appended:
        raise CorruptState(
            f"{place}: {len(whole.appended)} sessions go on that none of the commits has begun"
        )
    whole.removed, whole.ended_shards = [], []
    return whole


def encode_delta(delta: Delta) -> bytes:
    """A delta as bytes (msgpack)."""
    return _ENCODER.encode(delta)


def decode_delta(data: bytes) -> Delta:
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
_READERS: Final[dict[int, Callable[[bytes], Delta]]] = {2: msgspec.msgpack.Decoder(Delta).decode}
"""By version; a release that writes N keeps the reader of N-1, which gives the N that it means."""

_KNOWN: Final = " and ".join(map(str, _READERS))
