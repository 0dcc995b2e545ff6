"""Order statistics of samples, with confidence intervals for the fleet's own. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from math import ceil, floor, sqrt
from typing import Final, NamedTuple, Protocol

_SIGMAS: Final = 1.96  # of a normal distribution's 95 % interval


class Ascending(Protocol):
    """Samples in ascending order."""

    def __len__(self) -> int: ...

    def __getitem__(self, rank: int, /) -> int: ...


class OrderedSamples:
    """The samples of a distribution in ascending order, without a list of each of them."""

    __slots__ = ("_ends", "_values")

    def __init__(self, distribution: Mapping[int, int]) -> None:
        self._values = sorted(distribution)
        self._ends = list(accumulate(distribution[value] for value in self._values))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, rank: int, /) -> int:
        return self._values[bisect_right(self._ends, rank)]


class Quantile(NamedTuple):
    """A percentile by nearest rank, and its 95 % interval by order statistics; a bound is None if
    there are too few samples for it.
    """

    value: int
    low: int | None
    high: int | None


def percentile(ordered: Ascending, percent: int) -> int:
    """The sample at position ceil(percent / 100 x count) of one or more in ascending order."""
    return ordered[(percent * len(ordered) + 99) // 100 - 1]


def quantile(ordered: Ascending, percent: int) -> Quantile:
    """A percentile of one or more samples in ascending order, with its interval.

    The number of samples below the fleet's own percentile is binomially distributed. By the normal
    approximation the fleet's percentile is between the ranks 1.96 standard deviations below and
    above the expected one in 95 of 100 cases.
    """
    count, share = len(ordered), percent / 100
    middle, spread = count * share, _SIGMAS * sqrt(count * share * (1 - share))
    low, high = floor(middle - spread), ceil(middle + spread) + 1
    return Quantile(
        percentile(ordered, percent),
        ordered[low - 1] if low >= 1 else None,
        ordered[high - 1] if high <= count else None,
    )
