"""What has become of sessions since the last commit, told in as few bytes as will do.

Most sessions have just taken in new events: these alone go into the delta, cut off the ends of
their logs. All else that may happen to a session (it begins, tells, closes, finds a repeat) takes
its whole state along.
"""

from __future__ import annotations

from worker.partition.delta import Delta, Growth, SessionChange
from worker.sessions.session import Held


class Changes:
    """Since one commit, up to the next one."""

    def __init__(self) -> None:
        self._touched: dict[int, Held] = {}
        self._altered: dict[int, None] = {}
        self._gone: dict[int, None] = {}

    def begins(self, held: Held) -> None:
        """It wasn't there at the last commit."""
        held.committed = 0, 0
        self._touched[held.number] = held
        self._altered[held.number] = None

    def touches(self, held: Held) -> None:
        """Events may come to it, for the first time since the last commit."""
        held.committed = held.state.count, len(held.log)
        self._touched[held.number] = held

    def alters(self, held: Held) -> None:
        """It becomes what its events alone don't tell."""
        if held.committed is None:
            self.touches(held)
        self._altered[held.number] = None

    def never_began(self, held: Held) -> None:
        """It is taken back."""
        self._touched.pop(held.number, None)
        self._altered.pop(held.number, None)

    def goes(self, held: Held) -> None:
        """It is in memory no longer."""
        self.never_began(held)
        self._gone[held.number] = None

    def tell(self, delta: Delta) -> None:
        """Put all of it into a delta."""
        delta.gone = list(self._gone)
        for number, held in self._touched.items():
            known, size = held.committed or (0, 0)
            if number in self._altered:
                delta.sessions.append(SessionChange(number, held.state, bytes(held.log[size:])))
            elif held.state.count != known:
                events = held.state.count - known
                delta.grown.append(Growth(number, events, bytes(held.log[size:])))

    def over(self) -> None:
        """The commit is made."""
        for held in self._touched.values():
            held.committed = None
