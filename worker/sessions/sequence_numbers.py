"""A session's sequence numbers: which are missing, and which spans have a hole. Pure.

A platform numbers a session's events consecutively. Where a number is missing, an event is lost or
still in flight, and its content is unknown. The span from one event to another has a hole, and
proves nothing, if an event between them by number, the later one included, lacks its predecessor.
The predecessor is the number less one, or the number that an event names. If the named predecessor
is missing, at least one event is, and exactly one if it directly follows the number below it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from worker.sessions.event_log import LinkedEvent, LoggedEvent, in_order

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
    the last; at least that many events are missing. ``present``: the count of those there.
    """

    first: int
    last: int
    missing: int
    present: int

    @property
    def sparse(self) -> bool:
        """Whether more than a quarter is missing, of enough numbers for that to be significant."""
        span = self.present + self.missing
        return span >= _SPARSE_FROM and 4 * self.missing > span


def numbers_of(rows: Sequence[LoggedEvent]) -> NumberSpan:
    """Return the span of the numbers of at least one event, in any order."""
    if isinstance(rows[0], LinkedEvent):
        named = _named(rows)
        return NumberSpan(min(named), max(named), len(_lacking(named)), len(named))
    return _numbers(_ascending(rows))


def holes_of(rows: Sequence[LoggedEvent]) -> Holes | None:
    """Return the holes in the numbers of at least one event, in any order; None if there are
    none.
    """
    if isinstance(rows[0], LinkedEvent):
        named = _named(rows)
        lacking = _lacking(named)
        return Holes(_certain(named, lacking)) if lacking else None
    ascending = _ascending(rows)
    return Holes(_breaks(ascending)) if _numbers(ascending).missing else None


def breaks_of(rows: Sequence[LoggedEvent]) -> list[Break]:
    """The numbers that lack their predecessor, in ascending order, and how many are missing there
    at least.
    """
    if isinstance(rows[0], LinkedEvent):
        return [(number, 1) for number in _lacking(_named(rows))]
    return _breaks(_ascending(rows))


def _ascending(rows: Iterable[LoggedEvent]) -> list[int]:
    numbers = [row.sequence_number for row in rows]
    numbers.sort()  # mostly so already
    return numbers


def _numbers(ascending: list[int]) -> NumberSpan:
    first, last = ascending[0], ascending[-1]
    present = len(set(ascending))
    return NumberSpan(first, last, last - first + 1 - present, present)


def _breaks(ascending: list[int]) -> list[Break]:
    return [
        (following, following - number - 1)
        for number, following in pairwise(ascending)
        if following - number > 1
    ]


_Named = dict[int, int | None]
"""By a number: its predecessor, None if that isn't known."""


def _named(rows: Sequence[LoggedEvent]) -> _Named:
    named: _Named = {}
    for row in in_order(list(rows)).rows:
        if isinstance(row, LinkedEvent):
            number, previous = row.sequence_number, row.previous
            before = named.get(number)
            # two events under one number are no usual thing: the greater predecessor is believed
            if before is None or (previous is not None and previous > before):
                named[number] = previous
    return named


def _lacking(named: _Named) -> list[int]:
    """The numbers that lack their predecessor, but for the first one, which has none."""
    return [number for number in sorted(named)[1:] if named[number] not in named]


def _certain(named: _Named, lacking: list[int]) -> Iterator[Break]:
    """Of a break the count is 1 if a single event is lost for sure, else more than that."""
    ascending = sorted(named)
    for number in lacking:
        before = ascending[bisect_right(ascending, number) - 2]
        yield number, 1 if named[number] == before + 1 else 2
