"""The state of a session: how many events it has, how far they have been told, how it ended.

A session is *open* until its events say that it has ended, or stop coming; then it is
*closed*: its record has gone out. It stays at hand until all that it has to tell has been
told, and is packed away after that; an event that still arrives brings it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import add, attrgetter
from typing import Final, Literal

import msgspec

from worker.events.event import EVENT_CODES, SessionKey
from worker.metrics.series import EmittedSample
from worker.sessions.event_log import LoggedEvent
from worker.times.minutes import AFTER_ALL, BEFORE_ALL

CloseReason = Literal["wrap_up", "idle", "end_of_input"]


class EmitCursor(msgspec.Struct, array_like=True, gc=False):
    """How far one kind of metrics has been told: all samples of the first ``count`` events
    whose minutes lie before ``before`` (epoch ms), read with or without ``closing``, and with or
    without taking absent sequence numbers for missing events (``contiguous``).

    ``oldest_new``: the time of the oldest event since (epoch ms), None if there is none.
    """

    count: int = 0
    before: int = BEFORE_ALL
    closing: bool = False
    oldest_new: int | None = None
    contiguous: bool = True


class Closed(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The first close: the number of events that the session then had, why, and when; and whether
    absent sequence numbers were then taken for missing events.
    """

    count: int
    reason: CloseReason
    at: int
    contiguous: bool = True


class Session(msgspec.Struct, array_like=True, gc=False):
    """A session's state; all of it but the log is small. Times in epoch ms.

    ``revision`` is 0 while the session is open, one more than ``continued`` at its close, and
    grows by one with each event that arrives after that. ``recorded`` is how many events its last
    record told of, ``oldest`` and ``newest`` the times of its first and its latest event.

    ``continued``: the last revision of a session of the same key that was forgotten; 0 if there
    is none. ``contextual``: direct samples that wait for the session's beginning are emitted of
    the minutes before that.
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
    """Samples told that the session's events no longer have."""
    contextual: int = BEFORE_ALL
    continued: int = 0

    def is_contiguous(self, *, stream: bool) -> bool:
        """Whether absent sequence numbers are taken for missing events: as they are in the
        ``stream`` now, and in a closed session as they were when it closed, so that its later
        samples and records agree with its first.
        """
        return stream if self.closed is None else self.closed.contiguous

    def copy(self) -> Session:
        """One that can be changed without this one."""
        direct, turn = msgspec.structs.replace(self.direct), msgspec.structs.replace(self.turn)
        return msgspec.structs.replace(self, direct=direct, turn=turn)

    def take_in(self, rows: Sequence[LoggedEvent]) -> None:
        """The log has grown by these, at least one, in the order in which they arrived; all of
        them are new to it.
        """
        if self.closed is not None:
            self.revision += len(rows)
        times = list(map(_TIME, rows))
        arrivals = list(map(add, times, map(_DELAY, rows)))
        oldest = self.base + min(times)
        self.count += len(rows)
        self.oldest = min(self.oldest, oldest)
        self.newest = max(self.newest, self.base + max(times))
        self.last_arrival = max(self.last_arrival, self.base + max(arrivals))
        for mark in (self.direct, self.turn):
            if mark.oldest_new is None or oldest < mark.oldest_new:
                mark.oldest_new = oldest
        if self.wrap_up_arrival is None:
            names = list(map(_NAME, rows))
            if _WRAP_UP in names:
                self.wrap_up_arrival = self.base + arrivals[names.index(_WRAP_UP)]


_TIME: Final = attrgetter("timestamp")
_DELAY: Final = attrgetter("delay")
_NAME: Final = attrgetter("name")
_WRAP_UP: Final = EVENT_CODES["call_wrap_up"]
