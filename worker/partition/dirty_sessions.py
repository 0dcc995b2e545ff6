"""What has become of sessions since the last commit, told in as few bytes as will do.

Most sessions have just taken in new events: these alone go into the delta. All else that may
happen to a session (it begins, tells, closes, finds a repeat) takes its whole state along. Events
are gathered as they come: to look for them at the commit would fetch each session from memory anew.
"""

from __future__ import annotations

from collections import defaultdict

from worker.partition.delta import Delta, Growth, SessionChange
from worker.sessions.resident import Grown, Held


class Changes:
    """Since one commit, up to the next one. ``grown``: where events go as they come."""

    def __init__(self) -> None:
        self.grown: Grown = []
        self._events: defaultdict[int, list[bytes]] = defaultdict(list)
        self._altered: dict[int, Held] = {}
        self._gone: dict[int, None] = {}

    def begins(self, held: Held) -> None:
        """It wasn't there at the last commit."""
        if held.log:
            self.grown.append((held.number, bytes(held.log)))
        self._altered[held.number] = held

    def alters(self, held: Held) -> None:
        """It becomes what its events alone don't tell."""
        self._altered[held.number] = held

    def never_began(self, held: Held) -> None:
        """It is taken back."""
        self.gather()
        self._events.pop(held.number, None)
        self._altered.pop(held.number, None)

    def goes(self, held: Held) -> None:
        """It is in memory no longer."""
        self.never_began(held)
        self._gone[held.number] = None

    def gather(self) -> None:
        """Put the events that came in order by session, so that the commit finds them so."""
        events = self._events
        for number, event in self.grown:
            events[number].append(event)
        self.grown.clear()

    def tell(self, delta: Delta) -> None:
        """Put all of it into a delta."""
        self.gather()
        delta.gone = list(self._gone)
        for number, held in self._altered.items():
            log = b"".join(self._events.pop(number, ()))
            delta.sessions.append(SessionChange(number, held.state, log))
        delta.grown = [Growth(number, events) for number, events in self._events.items()]

    def over(self) -> None:
        """The commit is made."""
        self.grown.clear()
        self._events.clear()
        self._altered.clear()
        self._gone.clear()
