"""Dirty tracking: what changed in sessions since the last commit, in as few bytes as possible.

Most sessions have only received new events: those events alone go into the delta. Any other change
to a session (it begins, emits, closes, sees a repeat) writes its whole state. Events are collected
as they arrive: looking for them at the commit would mean touching every session again.
"""

from __future__ import annotations

from collections import defaultdict

from worker.partition.delta import Delta, SessionChange, SessionGrowth
from worker.sessions.resident_session import AppendedEvents, ResidentSession


class DirtySessions:
    """The changes between two commits. ``appended`` receives events as they arrive."""

    def __init__(self) -> None:
        self.appended: AppendedEvents = []
        self._events: defaultdict[int, list[bytes]] = defaultdict(list)
        self._changed: dict[int, ResidentSession] = {}
        self._removed: dict[int, None] = {}

    def mark_added(self, resident: ResidentSession) -> None:
        """Mark a session that wasn't in memory at the last commit."""
        if resident.log:
            self.appended.append((resident.number, [bytes(resident.log)]))
        self._changed[resident.number] = resident

    def mark_changed(self, resident: ResidentSession) -> None:
        """Mark the session dirty: its next delta must carry the whole state, not only new
        events.
        """
        self._changed[resident.number] = resident

    def forget_added(self, resident: ResidentSession) -> None:
        """Forget a session that was added since the last commit."""
        self.order_appended()
        self._events.pop(resident.number, None)
        self._changed.pop(resident.number, None)

    def mark_removed(self, resident: ResidentSession) -> None:
        """Mark a session that has left memory."""
        self.forget_added(resident)
        self._removed[resident.number] = None

    def order_appended(self) -> None:
        """Group the appended events by session, as the commit needs them."""
        events = self._events
        for number, appended in self.appended:
            events[number] += appended
        self.appended.clear()

    def write_to(self, delta: Delta) -> None:
        """Write all changes into a delta."""
        self.order_appended()
        delta.removed = list(self._removed)
        for number, resident in self._changed.items():
            log = b"".join(self._events.pop(number, ()))
            delta.sessions.append(SessionChange(number, resident.state, log))
        delta.appended = [SessionGrowth(number, events) for number, events in self._events.items()]

    def reset(self) -> None:
        """Start again after a commit."""
        self.appended.clear()
        self._events.clear()
        self._changed.clear()
        self._removed.clear()
