"""Silence: the longest proven time in which neither side speaks."""

from __future__ import annotations

from worker.sessions.event_log import LoggedEvent
from worker.sessions.sequence_numbers import Holes


class Silence:
    """``longest``: in ms, of the silences that are over; one with a hole inside is left out,
    because somebody may have spoken in it.
    """

    __slots__ = ("_since", "longest")

    def __init__(self) -> None:
        self.longest = 0
        self._since: LoggedEvent | None = None

    def begin(self, now: LoggedEvent) -> None:
        """Note that neither side speaks from this event on, unless a silence has begun before."""
        if self._since is None:
            self._since = now

    def end(self, now: LoggedEvent, holes: Holes | None) -> None:
        """Note that a side speaks from this event on."""
        since = self._since
        if since is not None:
            if now.timestamp - since.timestamp > self.longest:
                self.longest = self.longest_up_to(now, holes)
            self._since = None

    def longest_up_to(self, last: LoggedEvent, holes: Holes | None) -> int:
        """Return the longest silence in ms if ``last`` is the session's last event."""
        since = self._since
        if since is None:
            return self.longest
        if holes is not None and holes.between(since.sequence_number, last.sequence_number):
            return self.longest
        return max(self.longest, last.timestamp - since.timestamp)
