"""Exact distributions: ``{integer sample: count}``.

Distributions merge by addition, in any order, without loss. Only for CloudWatch, which limits the
number of distinct values, is a distribution coarsened, with a known error.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, islice
from math import floor, log2
from operator import itemgetter, mul, sub, xor
from typing import Final, NamedTuple

import msgspec

Distribution = dict[int, int]

_PERCENTS: Final = (50, 90, 95, 99)
_FINEST_SCALE: Final = 20
_COARSEST_SCALE: Final = -6
_FINEST_BUCKETS: Final = 2.0**_FINEST_SCALE  # to a doubling
_ZERO: Final = 1 << 40
_BELOW: Final = 1 << 41


class Summary(msgspec.Struct, frozen=True, gc=False):
    """Count and order statistics of some samples; all but ``avg`` are among them.

    Percentiles are by nearest rank: the sample at position ceil(p/100 x count). ``avg`` is exact to
    3 decimals, half up.
    """

    count: int
    min: int | float
    max: int | float
    avg: float
    p50: int | float
    p90: int | float
    p95: int | float
    p99: int | float


def of(values: Iterable[int]) -> Distribution:
    """Return the distribution of some samples."""
    counts: Distribution = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


def add(into: Distribution, other: Mapping[int, int]) -> None:
    """Merge ``other`` into a distribution."""
    for value, count in other.items():
        into[value] = into.get(value, 0) + count


def total(distribution: Mapping[int, int]) -> int:
    """Return the sum of all samples."""
    return sum(value * count for value, count in distribution.items())


def summarise(distribution: Mapping[int, int], scale: int = 1) -> Summary | None:
    """Return the summary in published units (samples / ``scale``); None without a sample."""
    if not distribution:
        return None
    count = sum(distribution.values())
    ordered = sorted(distribution.items())
    ranked = [ordered[0][0], *_nearest_ranks(ordered, count), ordered[-1][0]]
    return _summary(count, total(distribution), ranked, scale)


def summarise_all(values: Iterable[int], scale: int = 1) -> Summary | None:
    """Return the summary of individual samples; faster than ``summarise`` for a few."""
    ordered = sorted(values)
    if not ordered:
        return None
    count = len(ordered)
    return _summary(count, sum(ordered), _extremes_and_ranks(count)(ordered), scale)


@lru_cache(maxsize=1024)
def _extremes_and_ranks(count: int) -> Callable[[list[int]], Sequence[int]]:
    """Return a picker of the minimum, the percentiles and the maximum of ``count`` ascending
    samples.
    """
    # percentiles are at position ceil(p/100 x count), counted from 1
    return itemgetter(0, *((percent * count - 1) // 100 for percent in _PERCENTS), -1)


def _summary(count: int, whole: int, ranked: Sequence[int], scale: int) -> Summary:
    """``ranked``: the minimum, the percentiles and the maximum."""
    low, p50, p90, p95, p99, high = ranked if scale == 1 else [value / scale for value in ranked]
    avg = half_up(whole * 1000, count * scale) / 1000
    return Summary(count, low, high, avg, p50, p90, p95, p99)


def unscaled(value: int, scale: int) -> int | float:
    """Return a sample in published units; integers stay integers if the scale is 1."""
    return value if scale == 1 else value / scale


def half_up(dividend: int, divisor: int) -> int:
    """Return ``dividend / divisor`` rounded half up; ``divisor`` > 0."""
    return (2 * dividend + divisor) // (2 * divisor)


def coarsen(distribution: Mapping[int, int], most: int) -> Distribution:
    """Return the distribution in at most ``most`` distinct values (``most`` >= 8).

    Samples fall into the buckets of the finest base-2 exponential scale that fits (bucket bounds
    are powers of 2**(2**-scale), as in OpenTelemetry's exponential histograms). A bucket is
    represented by its mean; as samples are integers, by the two integers around it, in the
    proportion that keeps the sum. So count, sum, minimum and maximum stay exact, and any percentile
    is off by no more than the ratio of a bucket's bounds.
    """
    if len(distribution) <= most:
        return dict(distribution)
    values = sorted(distribution)
    counts = list(map(distribution.__getitem__, values))
    extremes = {values[0]: 1, values[-1]: 1}
    counts[0] -= 1
    counts[-1] -= 1
    before = _Before(
        list(accumulate(counts, initial=0)),
        list(accumulate(map(mul, values, counts), initial=0)),
    )
    apart = _apart(values)
    ends: Iterable[int] = range(1, len(values))
    # a bucket holds at least one value, so finer scales would have too many buckets
    for coarser in range(sorted(apart)[-most], _FINEST_SCALE - _COARSEST_SCALE + 1):
        ends = [end for end in ends if apart[end - 1] > coarser]
        coarse = _bucketed(before, [0, *ends, len(values)])
        add(coarse, extremes)
        if len(coarse) <= most:
            return coarse
    raise AssertionError("the coarsest scale has a handful of buckets")


class _Before(NamedTuple):
    """The number of samples before each value and after the last, and their sum."""

    counts: list[int]
    sums: list[int]


def _apart(values: list[int]) -> list[int]:
    """For each two neighbours in ascending order, return on how many scales, from the finest on,
    they fall into different buckets.

    A bucket's index on a scale is that on the next finer one, halved and rounded down. So two
    values share a bucket once all bits in which their finest indices differ are shifted out.
    """
    above = bisect_right(values, 0)
    finest = list(map(_low_bucket, values[:above]))
    finest += [floor(log2(value) * _FINEST_BUCKETS) for value in values[above:]]
    return list(map(int.bit_length, map(xor, finest, islice(finest, 1, None))))


def _low_bucket(value: int) -> int:
    """Return the finest index of a value up to 0, with a higher bit that separates zero, negative
    and positive values on any scale.
    """
    return _BELOW | floor(log2(-value) * _FINEST_BUCKETS) if value else _ZERO


def _bucketed(before: _Before, bounds: list[int]) -> Distribution:
    """Return each bucket as its mean; ``bounds``: where in the values the buckets begin, and the
    last ends.
    """
    coarse: Distribution = {}
    counts, sums = (list(map(some.__getitem__, bounds)) for some in before)
    for count, whole in zip(_steps(counts), _steps(sums), strict=True):
        if count:
            mean, above = divmod(whole, count)
            # the means of two buckets differ, and so do the integers above them
            coarse[mean] = count - above
            if above:
                coarse[mean + 1] = above
    return coarse


def _steps(numbers: list[int]) -> Iterable[int]:
    return map(sub, islice(numbers, 1, None), numbers)


def _nearest_ranks(ordered: list[tuple[int, int]], count: int) -> list[int]:
    ranks = [-(-count * percent // 100) for percent in _PERCENTS]
    found: list[int] = []
    seen = 0
    for value, times in ordered:
        seen += times
        while len(found) < len(ranks) and ranks[len(found)] <= seen:
            found.append(value)
    return found
