"""The state of a session: how many events it has, how far they have been emitted, how it ended.

A session is *open* until its events say that it has ended, or stop coming; then it is *closed*, and
its record has been given out. It stays resident until all its samples have been emitted, and is
then evicted; an event that still arrives brings it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from worker.events.event import EVENT_CODES, Event, SessionKey
from worker.metrics.series import EmittedSample
from worker.sessions.event_log import LoggedEvent
from worker.times.minutes import AFTER_ALL, BEFORE_ALL

CloseReason = Literal["wrap_up", "idle", "end_of_input"]


class EmitCursor(msgspec.Struct, array_like=True, gc=False):
    """The extent to which metrics of one hold have been emitted: all samples of the first ``count``
    events whose minutes lie before ``before`` (epoch ms), analysed with or without ``closing``, and
    with or without taking absent sequence numbers for missing events (``contiguous``).

    ``oldest_new``: the time of the oldest event since (epoch ms), None if there is none.
    """

    count: int = 0
    before: int = BEFORE_ALL
    closing: bool = False
    oldest_new: int | None = None
    contiguous: bool = True


class Closed(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The first close: the session's number of events then, the reason, the time (epoch ms), and
    whether absent sequence numbers were then taken for missing events.
    """

    count: int
    reason: CloseReason
    at: int
    contiguous: bool = True


class Session(msgspec.Struct, array_like=True, gc=False):
    """A session's state; small, apart from the log. Times in epoch ms.

    ``revision`` is 0 while the session is open, ``continued`` + 1 at its close, and grows by one
    with each event that arrives after that. ``recorded`` is the number of events in its last
    record, ``oldest`` and ``newest`` the times of its first and its latest event.

    ``continued``: the last revision of a forgotten session of the same key; 0 if there is none.
    ``contextual``: direct samples that wait for the session's beginning have been emitted for the
    minutes before this time.
    """

    key: SessionKey
    base: int
    count: int = 0
    cut: int = 0
    oldest: int = AFTER_ALL
    newest: int = BEFORE_ALL
    last_arrival: int = 0
    wrap_up_arrival: int | None = None
    closed: Closed | None = None
    revision: int = 0
    recorded: int = 0
    summarised: bool = False
    direct: EmitCursor = msgspec.field(default_factory=EmitCursor)
    turn: EmitCursor = msgspec.field(default_factory=EmitCursor)
    over_emitted: list[tuple[EmittedSample, int]] = []
    """Emitted samples that the session's events no longer yield."""
    contextual: int = BEFORE_ALL
    continued: int = 0

    def is_contiguous(self, *, stream: bool) -> bool:
        """Whether absent sequence numbers are taken for missing events: in an open session as they
        are in the ``stream`` now; in a closed one as they were when it closed, so that its later
        samples and records agree with its first.
        """
        return stream if self.closed is None else self.closed.contiguous

    def copy(self) -> Session:
        """Return a copy that can be changed independently."""
        direct, turn = msgspec.structs.replace(self.direct), msgspec.structs.replace(self.turn)
        return msgspec.structs.replace(self, direct=direct, turn=turn)

    def take_in(self, events: Sequence[Event]) -> None:
        """Update the state with events that the log has gained: at least one, all new to the
        session, in the order of their arrival.
        """
        first, newest, last_arrival = events[0].timestamp, self.newest, self.last_arrival
        for event in events:
            timestamp, arrival = event.timestamp, event.arrival
            if timestamp > newest:
                newest = timestamp
            elif timestamp < first:
                first = timestamp
            if arrival > last_arrival:
                last_arrival = arrival
            if event.name == _WRAP_UP and self.wrap_up_arrival is None:
                self.wrap_up_arrival = arrival
        self._grow(len(events), first, newest, last_arrival)

    def take_in_rows(self, rows: Sequence[LoggedEvent]) -> None:
        """Update the state as ``take_in`` does with the events of these rows."""
        times = [self.base + row.timestamp for row in rows]
        arrivals = [time + row.delay for time, row in zip(times, rows, strict=True)]
        if self.wrap_up_arrival is None:
            names = [row.name for row in rows]
            if _WRAP_UP_CODE in names:
                self.wrap_up_arrival = arrivals[names.index(_WRAP_UP_CODE)]
        newest, last_arrival = max(times), max(arrivals)
        self._grow(
            len(rows), min(times), max(newest, self.newest), max(last_arrival, self.last_arrival)
        )

    def _grow(self, count: int, oldest: int, newest: int, last_arrival: int) -> None:
        """Add ``count`` events: their oldest, and of all events the newest and the last arrival."""
        self.count += count
        if self.closed is not None:
            self.revision += count
        self.newest, self.last_arrival = newest, last_arrival
        if oldest < self.oldest:
            self.oldest = oldest
        for cursor in (self.direct, self.turn):
            if cursor.oldest_new is None or oldest < cursor.oldest_new:
                cursor.oldest_new = oldest


_WRAP_UP: Final = "call_wrap_up"
_WRAP_UP_CODE: Final = EVENT_CODES[_WRAP_UP]
