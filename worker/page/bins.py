"""The page's bins of time, and its cells of a wait's length. Pure."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, NamedTuple

from worker.times.minutes import MINUTE

_HOUR: Final = 60 * MINUTE
_WIDTHS: Final = (
    (_HOUR, MINUTE),
    (8 * _HOUR, 5 * MINUTE),
    (24 * _HOUR, 15 * MINUTE),
    (96 * _HOUR, _HOUR),
    (24 * 96 * _HOUR, 24 * _HOUR),
)
"""Pairs of a span and the bin width for spans up to it (ms)."""
_WIDEST: Final = 7 * 24 * _HOUR

EDGES: Final = tuple(round(80 * 1.25**n) for n in range(28))
"""The edges of 27 cells of a wait's length in ms, each a quarter longer than the last."""


class Bins(NamedTuple):
    """``number`` bins of ``width`` ms from ``start`` on (epoch ms)."""

    start: int
    width: int
    number: int

    def of(self, at: int) -> int:
        """The bin of an instant, or the nearest bin if it is outside."""
        return min(max((at - self.start) // self.width, 0), self.number - 1)


def bins_over(first: int, last: int) -> Bins:
    """The bins that cover a span, including both ends (epoch ms)."""
    width = next((width for span, width in _WIDTHS if last - first <= span), _WIDEST)
    start = first // width * width
    return Bins(start, width, (last - start) // width + 1)


def cell_of(ms: int) -> int:
    """The cell of a wait's length, or the nearest cell if it is outside."""
    return min(max(bisect_right(EDGES, ms) - 1, 0), len(EDGES) - 2)
