"""Totals: what each series amounts to since a start, exact where a reader can ask for exactness.

Of all samples that were emitted to a series its totals have the count, the sum, the least and the
greatest, the counts up to fixed bounds, and an exponential histogram. They only grow, and they
form a monoid: merging what commits add, in order and in any grouping, gives the totals, so they
are stored as what changed and restored with the rest of a partition. Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import ceil, log2
from typing import Final

import msgspec

from worker.metrics import distribution
from worker.metrics.distribution import Distribution
from worker.metrics.instruments import instrument_of
from worker.metrics.series import Series
from worker.times.minutes import MINUTE

SCALE: Final = 4
"""The histograms' scale, as OpenTelemetry defines it: bucket i holds the samples above
2**(i / 2**SCALE) and up to 2**((i + 1) / 2**SCALE) base units. A bucket's bounds are 4.4 % apart,
and latencies of up to 600 s fall into at most 308 buckets. It is part of the stored format."""

_STEPS: Final = 2**SCALE


class SeriesTotals(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The totals of one series, or what one commit adds to them. Nobody changes the dictionaries.

    ``time``: of the latest commit that added to them, in epoch ms: the end of the latest minute
    among all that it added to any series, later than that of every commit before. ``sum``,
    ``min`` and ``max`` are in integer samples. ``buckets``: counts by exponential bucket;
    ``zeros``: of samples that are 0, which are in none. ``within``: counts by explicit bucket, the
    position of the instrument's first bound that is no less than the sample; the number of bounds
    for samples beyond the last. A counter has neither.
    """

    time: int
    count: int
    sum: int
    min: int
    max: int
    zeros: int = 0
    buckets: dict[int, int] = {}
    within: dict[int, int] = {}


class Totals(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The totals of all series, or what one commit adds to them.

    ``since``: the start in epoch ms, the same for all series: the beginning of the first minute
    that was ever added. No ``time`` is before it. ``begins``: whatever was there before is void,
    since these begin at another start.
    """

    since: int
    series: dict[Series, SeriesTotals]
    begins: bool = False


NONE: Final = Totals(since=0, series={}, begins=True)
"""No totals, and an end to those that there were: samples go by that they don't have."""


def increment(
    before: Totals | None, window: Mapping[tuple[Series, int], Distribution]
) -> Totals | None:
    """What the samples of a commit, by series and minute (epoch ms), add to the totals ``before``
    it; None if there is no sample. Samples are at least 0.
    """
    minutes: dict[Series, dict[int, Distribution]] = {}
    for (series, minute), samples in window.items():
        if samples:
            minutes.setdefault(series, {})[minute] = samples
    if not minutes:
        return None
    begins = before is None or not before.series
    start = Totals(min(map(min, minutes.values())), {}) if before is None or begins else before
    last = max((one.time for one in start.series.values()), default=start.since)
    time = max(max(map(max, minutes.values())) + MINUTE, last + 1)
    added = {series: _added(series, parts.values(), time) for series, parts in minutes.items()}
    return Totals(start.since, added, begins)


def merge(before: Totals | None, added: Totals | None) -> Totals | None:
    """What these make together, one after the other."""
    if before is None or added is None:
        return before if added is None else added
    if added.begins:
        return added
    series = dict(before.series)
    for one, more in added.series.items():
        series[one] = combined(series[one], more) if one in series else more
    return Totals(before.since, series, before.begins)


def bucket_of(sample: int, divisor: int) -> int:
    """The exponential bucket of a sample above 0, ``divisor`` of which are one base unit."""
    # a quotient is a bound only if it is a power of 2, of which log2 gives the exact integer
    return ceil(log2(sample / divisor) * _STEPS) - 1


def upper_bound(bucket: int) -> float:
    """The greatest value, in base units, that falls into an exponential bucket."""
    return float(2.0 ** ((bucket + 1) / _STEPS))


def cumulative(totals: SeriesTotals, bounds: tuple[int, ...]) -> list[int]:
    """How many samples are no greater than each of the instrument's bounds; then, all of them."""
    counts = []
    reached = 0
    for position in range(len(bounds) + 1):
        reached += totals.within.get(position, 0)
        counts.append(reached)
    return counts


def _added(series: Series, parts: Iterable[Distribution], time: int) -> SeriesTotals:
    samples: Distribution = {}
    for part in parts:
        distribution.add(samples, part)
    count, whole = sum(samples.values()), distribution.total(samples)
    least, greatest = min(samples), max(samples)
    if not instrument_of(series.metric).is_histogram:
        return SeriesTotals(time, count, whole, least, greatest)
    buckets: dict[int, int] = {}
    within: dict[int, int] = {}
    for sample, times in samples.items():
        bucket, position = _places(series.metric, sample)
        within[position] = within.get(position, 0) + times
        if bucket is not None:
            buckets[bucket] = buckets.get(bucket, 0) + times
    zeros = count - sum(buckets.values())
    return SeriesTotals(time, count, whole, least, greatest, zeros, buckets, within)


@lru_cache(maxsize=16_384)  # of whatever samples come, mostly a few thousand latencies
def _places(metric: str, sample: int) -> tuple[int | None, int]:
    """The exponential bucket of a sample, None for 0, and its explicit one."""
    instrument = instrument_of(metric)
    bucket = bucket_of(sample, instrument.divisor) if sample > 0 else None
    return bucket, bisect_left(instrument.bounds, sample)


def combined(one: SeriesTotals, more: SeriesTotals) -> SeriesTotals:
    """What these, the latter being the later ones, make together."""
    buckets, within = dict(one.buckets), dict(one.within)
    distribution.add(buckets, more.buckets)
    distribution.add(within, more.within)
    return SeriesTotals(
        time=more.time,
        count=one.count + more.count,
        sum=one.sum + more.sum,
        min=min(one.min, more.min),
        max=max(one.max, more.max),
        zeros=one.zeros + more.zeros,
        buckets=buckets,
        within=within,
    )
