"""A session's sequence numbers: which are missing, and which spans have a hole. Pure.

A platform numbers a session's events consecutively. Where a number is missing, an event is lost or
still in flight, and its content is unknown. The span from one event to another has a hole, and
proves nothing, if an event between them by number, the later one included, lacks its predecessor.
The predecessor is the number less one; for a platform whose events name their predecessors,
``Holes`` would be given the breaks that follow from those, and nothing else would change.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from worker.sessions.event_log import LoggedEvent

Break = tuple[int, int]
"""A number that lacks its predecessor, and how many numbers are missing directly below it."""

_SPARSE_FROM: Final = 20
"""A session with a span of fewer numbers, missing ones included, is too short to be called
sparse.
"""


class Holes:
    """Missing numbers. ``breaks``: at least one, in ascending order of the numbers."""

    __slots__ = ("_after", "_missing")

    def __init__(self, breaks: Iterable[Break]) -> None:
        self._after: list[int] = []
        self._missing = [0]
        for number, missing in breaks:
            self._after.append(number)
            self._missing.append(self._missing[-1] + missing)

    def between(self, one: int, other: int) -> int:
        """Return how many numbers are missing between two of the session's, in either order."""
        missing, after = self._missing, self._after
        many = missing[bisect_right(after, other)] - missing[bisect_right(after, one)]
        return many if many > 0 else -many


class NumberSpan(NamedTuple):
    """A session's sequence numbers. ``missing``: the count of those absent between the first and
    the last; at least that many events are missing.
    """

    first: int
    last: int
    missing: int

    @property
    def sparse(self) -> bool:
        """Whether more than a quarter is missing, of enough numbers for that to be significant."""
        span = self.last - self.first + 1
        return span >= _SPARSE_FROM and 4 * self.missing > span


def numbers_of(rows: Iterable[LoggedEvent]) -> NumberSpan:
    """Return the span of the numbers of at least one event, in any order."""
    return _numbers(_ascending(rows))


def holes_of(rows: Iterable[LoggedEvent]) -> Holes | None:
    """Return the holes in the numbers of at least one event, in any order; None if there are
    none.
    """
    ascending = _ascending(rows)
    return Holes(_breaks(ascending)) if _numbers(ascending).missing else None


def _ascending(rows: Iterable[LoggedEvent]) -> list[int]:
    numbers = [row.sequence_number for row in rows]
    numbers.sort()  # mostly so already
    return numbers


def _numbers(ascending: list[int]) -> NumberSpan:
    first, last = ascending[0], ascending[-1]
    return NumberSpan(first, last, last - first + 1 - len(set(ascending)))


def _breaks(ascending: Iterable[int]) -> Iterator[Break]:
    for number, following in pairwise(ascending):
        if following - number > 1:
            yield following, following - number - 1
