"""What has become of sessions since the last commit, told in as few bytes as will do.

Most sessions have just taken in new events: these alone go into the delta. All else that may
happen to a session (it begins, tells, closes, finds a repeat) takes its whole state along.
"""

from __future__ import annotations

from worker.partition.delta import Delta, Growth, SessionChange
from worker.sessions.session import Held


class Changes:
    """Of one commit."""

    def __init__(self) -> None:
        self._grown: dict[int, Growth] = {}
        self._altered: dict[int, Held] = {}
        self._gone: dict[int, None] = {}

    def begins(self, held: Held) -> None:
        """It wasn't there at the last commit."""
        self._altered[held.number] = held
        if held.log:
            self.growth(held).append(bytes(held.log))

    def growth(self, held: Held) -> list[bytes]:
        """The events by which its log has grown; what adds one to the log, adds it here, too."""
        growth = self._grown.get(held.number)
        if growth is None:
            growth = self._grown[held.number] = Growth(held.number, [])
        return growth.events

    def alters(self, held: Held) -> None:
        """It becomes what its events alone don't tell."""
        self._altered[held.number] = held

    def never_began(self, held: Held) -> None:
        """It is taken back."""
        self._altered.pop(held.number, None)
        self._grown.pop(held.number, None)

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
        delta.grown = list(self._grown.values())
