"""What has become of sessions since the last commit, told in as few bytes as will do.

Most sessions have just taken in new events: these alone go into the delta. All else that may
happen to a session (it begins, tells, closes, finds a repeat) takes its whole state along. Events
are gathered as they come: to look for them at the commit would fetch each session from memory anew.
"""

from __future__ import annotations

from worker.partition.delta import Delta, Growth, SessionChange
from worker.sessions.session import Held


class Changes:
    """Since one commit, up to the next one."""

    def __init__(self) -> None:
        self._touched: list[Held] = []
        self._grown: dict[int, Growth] = {}
        self._altered: dict[int, Held] = {}
        self._gone: dict[int, None] = {}

    def begins(self, held: Held) -> None:
        """It wasn't there at the last commit."""
        self.touches(held)
        if held.log:
            self._grown[held.number].events.append(bytes(held.log))
        self._altered[held.number] = held

    def touches(self, held: Held) -> None:
        """Events may come to it, for the first time since the last commit."""
        growth = self._grown[held.number] = Growth(held.number, [])
        held.grown = growth.events
        self._touched.append(held)

    def alters(self, held: Held) -> None:
        """It becomes what its events alone don't tell."""
        self._altered[held.number] = held

    def never_began(self, held: Held) -> None:
        """It is taken back."""
        self._grown.pop(held.number, None)
        self._altered.pop(held.number, None)

    def goes(self, held: Held) -> None:
        """It is in memory no longer."""
        self.never_began(held)
        self._gone[held.number] = None

    def tell(self, delta: Delta) -> None:
        """Put all of it into a delta."""
        delta.gone = list(self._gone)
        for number, held in self._altered.items():
            growth = self._grown.pop(number, None)
            log = b"" if growth is None else b"".join(growth.events)
            delta.sessions.append(SessionChange(number, held.state, log))
        delta.grown = [growth for growth in self._grown.values() if growth.events]

    def over(self) -> None:
        """The commit is made."""
        for held in self._touched:
            held.grown = None
