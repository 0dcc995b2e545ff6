"""One session as the worker holds it: its packed events and how far they have been told.

A session is *open* until its events say that it has ended, or stop coming; then it is
*closed*: its record has gone out. It stays at hand until all that it has to tell has been
told, and is packed away after that; an event that still arrives brings it back.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal

import msgspec

from worker.events.event import Event, SessionKey, canonical_json
from worker.metrics.series import Told
from worker.sessions.log import Row, append, as_row, unpack
from worker.sessions.reading import Reading, read

CloseReason = Literal["wrap_up", "idle", "end_of_input"]


class Arrival(Enum):
    """What became of an event that arrived."""

    FOLDED = "folded"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    CUT = "cut"


class Mark(msgspec.Struct, array_like=True):
    """How far one kind of metrics has been told: all samples of the first ``count`` events
    whose minutes lie before ``before`` (epoch ms), read with or without ``closing``.

    ``oldest_new``: the time of the oldest event since (epoch ms), None if there is none.
    """

    count: int = 0
    before: int = -(1 << 62)
    closing: bool = False
    oldest_new: int | None = None


class Closed(msgspec.Struct, array_like=True, frozen=True):
    """The first close: the number of events that the session then had, why, and when."""

    count: int
    reason: CloseReason
    at: int


class Session(msgspec.Struct, array_like=True):
    """A session's state; all of it but the log is small. Times in epoch ms.

    ``revision`` is 0 while the session is open, 1 at its close, and grows by one with each
    event that arrives after that. ``recorded`` is how many events its last record told of,
    ``oldest`` and ``newest`` the times of its first and its latest event.
    """

    key: SessionKey
    base: int
    count: int = 0
    duplicates: int = 0
    cut: int = 0
    oldest: int = 1 << 62
    newest: int = -(1 << 62)
    last_arrival: int = 0
    wrap_up_arrival: int | None = None
    closed: Closed | None = None
    revision: int = 0
    recorded: int = 0
    summarised: bool = False
    direct: Mark = msgspec.field(default_factory=Mark)
    turn: Mark = msgspec.field(default_factory=Mark)
    surplus: list[tuple[Told, int]] = []
    """Samples told that the session's events no longer have."""


class Held:
    """A session in memory: its state, its log, and what finds repeats in it quickly."""

    __slots__ = ("_index", "_reading", "_seen", "log", "state")

    def __init__(self, state: Session, log: bytes | bytearray = b"") -> None:
        self.state = state
        self.log = bytearray(log)
        self._index: dict[tuple[int, int, int | str], list[str]] | None = None
        self._seen: int | None = None
        self._reading: Reading | None = None

    def rows(self) -> list[Row]:
        """All events, in the order of their arrival."""
        return unpack(self.log, self.state.count)

    def reading(self) -> Reading:
        """All events, read as they now stand; kept until ``forget_reading``."""
        if self._reading is None:
            self._reading = read(
                self.rows(), self.state.base, closing=self.state.closed is not None
            )
        return self._reading

    def reading_of(self, count: int, *, closing: bool) -> Reading:
        """The first ``count`` events to arrive, read with or without the close."""
        if count == self.state.count and closing == (self.state.closed is not None):
            return self.reading()
        return read(self.rows()[:count], self.state.base, closing=closing)

    def forget_reading(self) -> None:
        """Let go of the kept reading: it is many times the size of the log."""
        self._reading = None

    def add(self, event: Event, most: int) -> Arrival:
        """Take in an event that arrived, unless it is known or the session holds ``most``."""
        state = self.state
        row = as_row(event, state.base)
        known = self._find(row)
        if known is Arrival.DUPLICATE:
            state.duplicates += 1
            return known
        if state.count >= most:
            state.cut += 1
            return Arrival.CUT
        self.forget_reading()
        append(self.log, event, state.base)
        self._note(row)
        state.count += 1
        state.duplicates += known is Arrival.CONFLICT
        state.oldest = min(state.oldest, event.timestamp)
        state.newest = max(state.newest, event.timestamp)
        state.last_arrival = max(state.last_arrival, event.arrival)
        if event.name == "call_wrap_up" and state.wrap_up_arrival is None:
            state.wrap_up_arrival = event.arrival
        for mark in (state.direct, state.turn):
            if mark.oldest_new is None or event.timestamp < mark.oldest_new:
                mark.oldest_new = event.timestamp
        if state.closed is not None:
            state.revision += 1
        return known

    def _find(self, row: Row) -> Arrival:
        """FOLDED for an identity that is new, else whether its payload is known, too."""
        if self._seen is None:
            self._seen = sum({_bit(one.sequence_number) for one in self.rows()})
        bit = _bit(row.sequence_number)
        if bit and not self._seen & bit:
            return Arrival.FOLDED
        payloads = self._payloads(row)
        if not payloads:
            return Arrival.FOLDED
        same = canonical_json(row.payload) in payloads
        return Arrival.DUPLICATE if same else Arrival.CONFLICT

    def _payloads(self, row: Row) -> list[str]:
        if self._index is not None:
            return self._index.get(row[:3], [])
        if self.state.count <= _SCANNED:
            return [canonical_json(one.payload) for one in self.rows() if one[:3] == row[:3]]
        self._index = {}
        for one in self.rows():
            self._index.setdefault(one[:3], []).append(canonical_json(one.payload))
        return self._index.get(row[:3], [])

    def _note(self, row: Row) -> None:
        if self._seen is not None:
            self._seen |= _bit(row.sequence_number)
        if self._index is not None:
            self._index.setdefault(row[:3], []).append(canonical_json(row.payload))


_BITMAP: Final = 4096
"""Sequence numbers below this are known as new by a bit; others are looked up."""

_SCANNED: Final = 256
"""Up to so many events a repeat is looked for by unpacking; beyond, by an index."""


def _bit(sequence_number: int) -> int:
    """The bit by which a sequence number is known; 0 for one that has none."""
    return 1 << sequence_number if 0 <= sequence_number < _BITMAP else 0
