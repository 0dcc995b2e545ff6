"""A session's sequence numbers: which are missing, and which spans have a hole. Pure.

A platform numbers a session's events consecutively. Where a number is missing, an event is lost or
still in flight, and its content is unknown. The span from one event to another has a hole, and
proves nothing, if an event between them by number, the later one included, lacks its predecessor.
The predecessor is the number less one, or the number that an event names. If the named predecessor
is missing, at least one event is, and exactly one if it directly follows the number below it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from worker.sessions.event_log import LinkedEvent, LoggedEvent, Ordered, in_order

_SPARSE_FROM: Final = 20
"""A session with a span of fewer numbers, missing ones included, is too short to be called
sparse.
"""


class Break(NamedTuple):
    """Two of a session's numbers of which the ``after`` lacks its predecessor, and none is between
    them; and how many numbers are missing there at least.
    """

    before: int
    after: int
    missing: int


class Holes:
    """Missing numbers, where each event's predecessor has the number less one. ``numbers``: those
    that are there, in ascending order.
    """

    __slots__ = ("_counted",)

    def __init__(self, numbers: Sequence[int]) -> None:
        self._counted = dict(zip(numbers, range(len(numbers)), strict=True))

    def between(self, one: int, other: int) -> int:
        """Return how many numbers are missing between two of the session's, in either order."""
        counted = self._counted
        many = other - one - counted[other] + counted[one]
        return many if many > 0 else -many


class NamedHoles(Holes):
    """Missing numbers, where events name their predecessors. ``numbers``: as above; ``missing``:
    how many are missing directly below a number, where any are.
    """

    __slots__ = ()

    def __init__(self, numbers: Iterable[int], missing: Mapping[int, int]) -> None:
        self._counted = {}
        below = 0
        for number in numbers:
            below += missing.get(number, 0)
            self._counted[number] = below

    def between(self, one: int, other: int) -> int:
        """Return how many events are missing between two of the session's, in either order: 1 if
        it is a single one for sure.
        """
        return abs(self._counted[other] - self._counted[one])


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


def numbers_of(ordered: Ordered) -> NumberSpan:
    """Return the span of the numbers of at least one event."""
    if isinstance(ordered.rows[0], LinkedEvent):
        named = _named(ordered.rows)
        return NumberSpan(min(named), max(named), len(_lacking(named)), len(named))
    return _span(ordered.numbers)


def are_sparse(rows: Sequence[LoggedEvent]) -> bool:
    """Whether the numbers of at least one event, in any order, are too few for contiguous ones."""
    if isinstance(rows[0], LinkedEvent):
        return numbers_of(in_order(list(rows))).sparse
    return _span(sorted({row.sequence_number for row in rows})).sparse


def holes_of(ordered: Ordered) -> Holes | None:
    """Return the holes in the numbers of at least one event; None if there are none."""
    if isinstance(ordered.rows[0], LinkedEvent):
        named = _named(ordered.rows)
        lacking = _lacking(named)
        return NamedHoles(sorted(named), dict(_certain(named, lacking))) if lacking else None
    return Holes(ordered.numbers) if _span(ordered.numbers).missing else None


def breaks_of(ordered: Ordered) -> list[Break]:
    """Return where numbers are missing, in ascending order."""
    numbers = ordered.numbers
    if isinstance(ordered.rows[0], LinkedEvent):
        return [
            Break(numbers[bisect_right(numbers, number) - 2], number, 1)
            for number in _lacking(_named(ordered.rows))
        ]
    present = set(numbers)
    found = list[Break]()
    for number in numbers[1:]:
        if number - 1 not in present:
            before = numbers[bisect_right(numbers, number) - 2]
            found.append(Break(before, number, number - before - 1))
    return found


def _span(ascending: Sequence[int]) -> NumberSpan:
    first, last, present = ascending[0], ascending[-1], len(ascending)
    return NumberSpan(first, last, last - first + 1 - present, present)


_Named = dict[int, int | None]
"""By a number: its predecessor, None if that isn't known."""


def _named(ordered: Iterable[LoggedEvent]) -> _Named:
    named: _Named = {}
    for row in ordered:
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


def _certain(named: _Named, lacking: list[int]) -> Iterator[tuple[int, int]]:
    """By number: the count is 1 if a single event is lost for sure, else more than that."""
    ascending = sorted(named)
    for number in lacking:
        before = ascending[bisect_right(ascending, number) - 2]
        yield number, 1 if named[number] == before + 1 else 2
