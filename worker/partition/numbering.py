"""Decides whether the sequence numbers of a stream's sessions are contiguous. Pure.

No documentation says that they are. While they are, an absent number is an event that is lost or
still in flight; otherwise it means nothing. The stream's own sessions decide: if most of those that
have closed lack many of their numbers, numbers are ignored from then on.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from worker.partition.rules import SequenceNumbers

ENOUGH_SESSIONS: Final = 50
"""The least number of closed sessions by which a stream is judged."""


class Numbering:
    """Applies the setting; ``auto`` means contiguous until the stream is ``found_sparse``, which is
    final.
    """

    def __init__(self, setting: SequenceNumbers, *, found_sparse: bool) -> None:
        self._auto = setting == "auto"
        self.found_sparse = found_sparse
        """Whether the stream's sessions have been found to lack too many numbers."""
        self._always_sparse = setting == "sparse"
        self._decided = False

    @property
    def contiguous(self) -> bool:
        """Whether an absent number is taken for a missing event."""
        return not (self._always_sparse or (self._auto and self.found_sparse))

    def judge(self, closed: int, sparse: int) -> None:
        """Judge the stream by ``closed`` sessions, ``sparse`` of which lack many numbers."""
        if self._auto and not self._decided:
            self.found_sparse |= closed >= ENOUGH_SESSIONS and 2 * sparse > closed

    def decide(self, sessions: int, sparse: int) -> None:
        """Judge the stream by all its ``sessions``, once and for all."""
        self.judge(sessions, sparse)
        self._decided = True

    def closes(self, counters: Counter[str], *, sparse: bool) -> None:
        """Count a session that closes, and judge the stream again."""
        counters["sparse_sessions"] += sparse
        self.judge(counters["sessions_closed"], counters["sparse_sessions"])
