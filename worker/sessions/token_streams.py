"""Replies in progress: from a reply's first token to its final one, where the two can be paired.

First and final tokens are paired only while a single reply is in progress. A reply that begins
across a hole may follow one whose final token is lost: then what was in progress is dropped, and
the new reply isn't measured, because that final token may still come.
"""

from __future__ import annotations

import msgspec

from worker.sessions.event_log import LoggedEvent
from worker.sessions.sequence_numbers import Holes


class ReplyInProgress(msgspec.Struct, frozen=True, gc=False):
    """A reply that has begun and hasn't been heard yet; ``sure`` if its prompt is beyond doubt."""

    begun: int
    sure: bool


class TokenStreams:
    """``first_token`` (F): the start of the one reply in progress; None if there is none."""

    __slots__ = ("_count", "_void", "first_token")

    def __init__(self) -> None:
        self.first_token: LoggedEvent | None = None
        self._count = 0
        self._void = False

    def begin(self, now: LoggedEvent, holes: Holes | None) -> None:
        """Note that a reply begins."""
        since = self.first_token
        if since is None:
            self.first_token = now
        else:
            self._void = True
            if holes is not None and holes.between(since.sequence_number, now.sequence_number):
                self.first_token = now
                self._count = 0
        self._count += 1

    def end(self, now: LoggedEvent, holes: Holes | None) -> int | None:
        """Note that a reply is complete; return how long it took in ms, None if that is unknown."""
        since = self.first_token
        if since is None:
            return None
        duration = None
        single = self._count == 1 and not self._void
        if single and (
            holes is None or not holes.between(since.sequence_number, now.sequence_number)
        ):
            duration = now.timestamp - since.timestamp
        self._count -= 1
        if not self._count:
            self.first_token = None
            self._void = False
        return duration
