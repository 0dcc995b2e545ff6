"""Whether the sequence numbers of a stream's sessions follow one another. Pure.

Nobody documents that they do. While they do, an absent number is an event that is lost or still
under way; where they don't, it is nothing. So the stream's sessions are asked: if most of those
that have closed lack much of their numbers, numbers say nothing from there on.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from worker.partition.rules import SequenceNumbers

ENOUGH_SESSIONS: Final = 50
"""Closed sessions from which on a stream is judged."""


class Numbering:
    """As the setting has it; ``auto`` is contiguous until the stream is ``found_sparse``, which it
    then stays.
    """

    def __init__(self, setting: SequenceNumbers, *, found_sparse: bool) -> None:
        self._auto = setting == "auto"
        self.found_sparse = found_sparse
        """Whether the stream's sessions have been found to lack too many numbers."""
        self._always_sparse = setting == "sparse"
        self._decided = False

    @property
    def contiguous(self) -> bool:
        """Whether an absent number is a missing event."""
        return not (self._always_sparse or (self._auto and self.found_sparse))

    def judge(self, closed: int, sparse: int) -> None:
        """So many sessions have closed, and so many of them were sparse."""
        if self._auto and not self._decided:
            self.found_sparse |= closed >= ENOUGH_SESSIONS and 2 * sparse > closed

    def decide(self, sessions: int, sparse: int) -> None:
        """There are no more than so many sessions: judge by all of them, once and for all."""
        self.judge(sessions, sparse)
        self._decided = True

    def closes(self, counters: Counter[str], *, sparse: bool) -> None:
        """A session has closed."""
        counters["sparse_sessions"] += sparse
        self.judge(counters["sessions_closed"], counters["sparse_sessions"])
