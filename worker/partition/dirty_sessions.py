"""What has become of sessions since the last commit, told in as few bytes as will do.

Most sessions have just taken in new events: these alone go into the delta. All else that may
happen to a session (it begins, tells, closes, finds a repeat) takes its whole state along. Events
are gathered as they come: to look for them at the commit would fetch each session from memory anew.
"""

from __future__ import annotations

from collections import defaultdict

from worker.partition.delta import Delta, SessionChange, SessionGrowth
from worker.sessions.resident_session import AppendedEvents, ResidentSession


class DirtySessions:
    """Since one commit, up to the next one. ``appended``: where events go as they come."""

    def __init__(self) -> None:
        self.appended: AppendedEvents = []
        self._events: defaultdict[int, list[bytes]] = defaultdict(list)
        self._altered: dict[int, ResidentSession] = {}
        self._gone: dict[int, None] = {}

    def mark_added(self, resident: ResidentSession) -> None:
        """It wasn't there at the last commit."""
        if resident.log:
            self.appended.append((resident.number, bytes(resident.log)))
        self._altered[resident.number] = resident

    def mark_changed(self, resident: ResidentSession) -> None:
        """It becomes what its events alone don't tell."""
        self._altered[resident.number] = resident

    def forget_added(self, resident: ResidentSession) -> None:
        """It is taken back."""
        self.order_appended()
        self._events.pop(resident.number, None)
        self._altered.pop(resident.number, None)

    def mark_removed(self, resident: ResidentSession) -> None:
        """It is in memory no longer."""
        self.forget_added(resident)
        self._gone[resident.number] = None

    def order_appended(self) -> None:
        """Put the events that came in order by session, so that the commit finds them so."""
        events = self._events
        for number, event in self.appended:
            events[number].append(event)
        self.appended.clear()

    def write_to(self, delta: Delta) -> None:
        """Put all of it into a delta."""
        self.order_appended()
        delta.removed = list(self._gone)
        for number, resident in self._altered.items():
            log = b"".join(self._events.pop(number, ()))
            delta.sessions.append(SessionChange(number, resident.state, log))
        delta.appended = [SessionGrowth(number, events) for number, events in self._events.items()]

    def reset(self) -> None:
        """The commit is made."""
        self.appended.clear()
        self._events.clear()
        self._altered.clear()
        self._gone.clear()
