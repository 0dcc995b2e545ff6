"""What has become of sessions since the last commit, told in as few bytes as will do.

Most sessions have just taken in new events: these alone go into the delta. All else that may
happen to a session (it begins, tells, closes, finds a repeat) takes its whole state along. Events
are gathered as they come: to look for them at the commit would fetch each session from memory anew.
"""

from __future__ import annotations

from worker.partition.delta import Delta, Growth, SessionChange
from worker.sessions.held import Grown, Held


class Changes:
    """Since one commit, up to the next one. ``grown``: where events go as they come."""

    def __init__(self) -> None:
        self.grown: Grown = []
        self._altered: dict[int, Held] = {}
        self._vanished: dict[int, None] = {}
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
        self._altered.pop(held.number, None)
        self._vanished[held.number] = None

    def goes(self, held: Held) -> None:
        """It is in memory no longer."""
        self.never_began(held)
        self._gone[held.number] = None

    def tell(self, delta: Delta) -> None:
        """Put all of it into a delta."""
        grown: dict[int, list[bytes]] = {}
        for number, event in self.grown:
            if number in grown:
                grown[number].append(event)
            else:
                grown[number] = [event]
        for number in self._vanished:
            grown.pop(number, None)
        delta.gone = list(self._gone)
        for number, held in self._altered.items():
            log = b"".join(grown.pop(number, ()))
            delta.sessions.append(SessionChange(number, held.state, log))
        delta.grown = [Growth(number, events) for number, events in grown.items()]

    def over(self) -> None:
        """The commit is made."""
        self.grown.clear()
        self._altered.clear()
        self._vanished.clear()
        self._gone.clear()
