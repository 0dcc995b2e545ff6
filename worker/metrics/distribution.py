"""Exact distributions: ``{integer sample: count}``.

They merge by addition, in any order, without loss. Only at the edge, where CloudWatch takes
so many distinct values and no more, is one coarsened, and then by a known error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from math import log2
from operator import mul, xor
from typing import Final

import msgspec

Distribution = dict[int, int]

_PERCENTS: Final = (50, 90, 95, 99)
_FINEST_SCALE: Final = 20
_COARSEST_SCALE: Final = -6
_FINEST_BUCKETS: Final = 2.0**_FINEST_SCALE  # to a doubling
_ABOVE: Final = 1 << 40
_BELOW: Final = 1 << 41


class Summary(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Count and order statistics of some samples; all but ``avg`` are among them.

    Percentiles are by nearest rank: the sample at position ceil(p/100 x count). ``avg`` is
    exact to 3 decimals, half up.
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
    """The distribution of some samples."""
    counts: Distribution = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


def add(into: Distribution, other: Mapping[int, int]) -> None:
    """Merge ``other`` into a distribution."""
    for value, count in other.items():
        into[value] = into.get(value, 0) + count


def total(distribution: Mapping[int, int]) -> int:
    """The sum of all samples."""
    return sum(value * count for value, count in distribution.items())


def summarise(distribution: Mapping[int, int], scale: int = 1) -> Summary | None:
    """The summary in published units (samples / ``scale``); None without a sample."""
    if not distribution:
        return None
    count = sum(distribution.values())
    ordered = sorted(distribution.items())
    ranked = [ordered[0][0], *_nearest_ranks(ordered, count), ordered[-1][0]]
    return _summary(count, total(distribution), ranked, scale)


def summarise_all(values: Iterable[int], scale: int = 1) -> Summary | None:
    """The same of samples one by one; the quicker way for a few."""
    ordered = sorted(values)
    if not ordered:
        return None
    count = len(ordered)
    # position ceil(p/100 x count), from 1 on
    ranks = ((percent * count - 1) // 100 for percent in _PERCENTS)
    ranked = [ordered[0], *(ordered[rank] for rank in ranks), ordered[-1]]
    return _summary(count, sum(ordered), ranked, scale)


def _summary(count: int, whole: int, ranked: list[int], scale: int) -> Summary:
    """``ranked``: the minimum, the percentiles and the maximum."""
    low, p50, p90, p95, p99, high = ranked if scale == 1 else [value / scale for value in ranked]
    avg = half_up(whole * 1000, count * scale) / 1000
    return Summary(count, low, high, avg, p50, p90, p95, p99)


def unscaled(value: int, scale: int) -> int | float:
    """A sample in published units; integers stay integers where the scale is 1."""
    return value if scale == 1 else value / scale


def half_up(dividend: int, divisor: int) -> int:
    """``dividend / divisor`` rounded half up; ``divisor`` > 0."""
    return (2 * dividend + divisor) // (2 * divisor)


def coarsen(distribution: Mapping[int, int], most: int) -> Distribution:
    """The distribution in at most ``most`` distinct values (``most`` >= 8).

    Samples fall into the buckets of the finest base-2 exponential scale that fits (bucket
    bounds are powers of 2**(2**-scale), as in OpenTelemetry's exponential histograms). A
    bucket stands as its mean; as samples are integers, as the two integers around it, in the
    proportion that keeps the sum. So count, sum, minimum and maximum stay exact, and any
    percentile is off by no more than the ratio of a bucket's bounds.
    """
    if len(distribution) <= most:
        return dict(distribution)
    values = sorted(distribution)
    counts = [distribution[value] for value in values]
    extremes = {values[0]: 1, values[-1]: 1}
    counts[0] -= 1
    counts[-1] -= 1
    apart = _apart(values)
    # a bucket takes at least one value, so on finer scales there would be too many
    for coarser in range(sorted(apart)[-most], _FINEST_SCALE - _COARSEST_SCALE + 1):
        ends = [end for end, scales in enumerate(apart, 1) if scales > coarser]
        coarse = _bucketed(values, counts, [*ends, len(values)])
        add(coarse, extremes)
        if len(coarse) <= most:
            return coarse
    raise AssertionError("the coarsest scale has a handful of buckets")


def _apart(values: list[int]) -> list[int]:
    """For each two neighbours in ascending order on how many scales, from the finest on, they
    fall into different buckets.

    A bucket's index on a scale is that on the next finer one, halved and rounded down. So two
    are in one bucket from where all bits in which their finest indices differ are gone.
    """
    finest = [_bucket(value) for value in values]
    return list(map(int.bit_length, map(xor, finest, islice(finest, 1, None))))


def _bucket(value: int) -> int:
    """The index on the finest scale, above it bits that keep apart what is below and above zero,
    and zero, on any scale.
    """
    if value > 0:
        return _ABOVE | int(log2(value) * _FINEST_BUCKETS)
    return value and _BELOW | int(log2(-value) * _FINEST_BUCKETS)


def _bucketed(values: list[int], counts: list[int], ends: list[int]) -> Distribution:
    """Each bucket as its mean; ``ends``: where in ``values`` they end."""
    coarse: Distribution = {}
    start = 0
    for end in ends:
        many = counts[start:end]
        if count := sum(many):
            mean, above = divmod(sum(map(mul, values[start:end], many)), count)
            add(coarse, {mean: count - above, mean + 1: above} if above else {mean: count})
        start = end
    return coarse


def _nearest_ranks(ordered: list[tuple[int, int]], count: int) -> list[int]:
    ranks = [-(-count * percent // 100) for percent in _PERCENTS]
    found: list[int] = []
    seen = 0
    for value, times in ordered:
        seen += times
        while len(found) < len(ranks) and ranks[len(found)] <= seen:
            found.append(value)
    return found
