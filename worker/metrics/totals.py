"""Totals: cumulative counts, sums, extremes and histograms of each series since a start.

Count, sum, minimum, maximum and the counts at explicit bounds are exact; an exponential histogram
serves percentiles. Totals form a monoid: merging the increments of commits, in order and in any
grouping, gives the totals, so a delta stores only what changed, and a restored partition has them
again. Pure.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from math import ceil, log2
from operator import mul
from typing import Final, NamedTuple

import msgspec

from worker.metrics import distribution
from worker.metrics.distribution import Distribution
from worker.metrics.instruments import instrument_of
from worker.metrics.series import Series
from worker.times.minutes import AFTER_ALL, MINUTE, minute_of

SCALE: Final = 4
"""The histograms' scale, as OpenTelemetry defines it: bucket i holds the samples above
2**(i / 2**SCALE) and up to 2**((i + 1) / 2**SCALE) base units. A bucket's bounds are 4.4 % apart,
and latencies of up to 600 s fall into at most 308 buckets. It is part of the stored format."""

_STEPS: Final = 2**SCALE
_POSITION_BITS: Final = 4
_POSITION: Final = (1 << _POSITION_BITS) - 1
_ZERO: Final = -(1 << 11)
"""The exponential bucket of 0, below all others: a ten-thousandth is in bucket -213."""

_LOOKED_UP: Final = 1 << 20
"""So many cells at most are remembered of an instrument, or twice as many as its last bound."""

_FEW: Final = 8
"""Of more values at once, loops in C are quicker."""

_MOST: Final = (1 << 63) - 1
"""Sums, minima and maxima stay at this, the most that is stored, once they reach it."""

_GREATEST: Final = 1 << 32
"""Greater samples, which are hostile ones, count in its bucket: in milliseconds it is 49 days."""


class SeriesTotals(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The totals of one series, or what one commit adds to them. Nobody changes ``cells``.

    ``time``: of the latest commit that added to them, in epoch ms: the end of the latest minute
    that it added to any series, later than the time of every commit before. So a series that
    pauses can be repeated at another one's time, and no later point of it is older than that.
    ``sum``, ``min`` and ``max`` are in integer samples. ``cells``: counts by exponential and
    explicit bucket at once, as ``histogram_cell`` numbers them; empty for a counter.
    """

    time: int
    count: int
    sum: int
    min: int
    max: int
    cells: dict[int, int] = {}

    @property
    def buckets(self) -> dict[int, int]:
        """Counts by exponential bucket, of samples above 0."""
        found: dict[int, int] = {}
        for cell, count in self.cells.items():
            bucket = cell >> _POSITION_BITS
            if bucket != _ZERO:
                found[bucket] = found.get(bucket, 0) + count
        return found

    @property
    def zeros(self) -> int:
        """The number of samples that are 0."""
        return self.cells.get(_ZERO << _POSITION_BITS, 0)

    @property
    def within(self) -> dict[int, int]:
        """Counts by explicit bucket: the position of the instrument's first bound that is no less
        than the sample, the number of bounds for samples beyond the last.
        """
        found: dict[int, int] = {}
        for cell, count in self.cells.items():
            position = cell & _POSITION
            found[position] = found.get(position, 0) + count
        return found


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
    before: Totals | None,
    window: Mapping[tuple[Series, int], Distribution],
    now: int | None = None,
) -> Totals | None:
    """The increment that a commit's samples, by series and minute (epoch ms), make to the totals
    ``before`` it; None without a sample. Samples are at least 0. ``now``: stream time, if there is
    one; an event that is stamped ahead of it puts no point into a later minute.
    """
    minutes: dict[Series, list[int]] = {}
    for (series, minute), samples in window.items():
        if not samples:
            continue
        if series in minutes:
            minutes[series].append(minute)
        else:
            minutes[series] = [minute]
    if not minutes:
        return None
    begins = before is None or not before.series
    if before is None or begins:
        before = Totals(min(map(min, minutes.values())), {})
    last = max((one.time for one in before.series.values()), default=before.since)
    latest = max(map(max, minutes.values())) + MINUTE
    if now is not None:
        latest = min(latest, minute_of(now) + MINUTE)
    time = max(latest, last + 1)
    added = {
        series: _added(series.metric, [window[series, minute] for minute in some], time)
        for series, some in minutes.items()
    }
    return Totals(before.since, added, begins)


def merge_totals(before: Totals | None, added: Totals | None) -> Totals | None:
    """The totals after both, ``added`` being the later."""
    if before is None or added is None:
        return before if added is None else added
    if added.begins:
        return added
    series = dict(before.series)
    for one, more in added.series.items():
        known = series.get(one)
        series[one] = more if known is None else combined(known, more)
    return Totals(before.since, series, before.begins)


def bucket_of(sample: int, divisor: int) -> int:
    """The exponential bucket of a sample above 0, ``divisor`` of which are one base unit."""
    # a quotient is a bound only if it is a power of 2, of which log2 gives the exact integer
    return ceil(log2(sample / divisor) * _STEPS) - 1


def upper_bound(bucket: int) -> float:
    """The greatest value, in base units, that falls into an exponential bucket."""
    return float(2.0 ** ((bucket + 1) / _STEPS))


def cumulative(totals: SeriesTotals, bounds: tuple[int, ...]) -> list[int]:
    """The numbers of samples up to each of the instrument's bounds; the last one: all samples."""
    counts = []
    within = totals.within
    reached = 0
    for position in range(len(bounds) + 1):
        reached += within.get(position, 0)
        counts.append(reached)
    return counts


def _added(metric: str, parts: list[Distribution], time: int) -> SeriesTotals:
    """The increment of one series by some distributions, none of which is empty."""
    known = _cells_for(metric)
    count = whole = greatest = 0
    least = AFTER_ALL
    cells: Distribution = {}
    below = _NO_CELLS if known is None else known.below
    limit = len(below)
    for samples in parts:
        if len(samples) > _FEW:
            together = sum(samples.values())
            count += together
            once = together == len(samples)
            whole += sum(samples) if once else sum(map(mul, samples, samples.values()))
            last = max(samples)
            least, greatest = min(least, min(samples)), max(greatest, last)
            if known is not None:
                _count_many(cells, samples, known, plain=once and last < limit)
            continue
        for sample, times in samples.items():
            count += times
            whole += sample * times
            if sample < least:
                least = sample
            if sample > greatest:
                greatest = sample
            if known is not None:
                cell = below[sample] if sample < limit else known.beyond(sample)
                cells[cell] = cells.get(cell, 0) + times
    whole, least, greatest = (min(one, _MOST) for one in (whole, least, greatest))
    return SeriesTotals(time, count, whole, least, greatest, cells)


def _count_many(cells: Distribution, samples: Distribution, known: _Cells, *, plain: bool) -> None:
    """Add samples to the counts by cell. ``plain``: each is there once, its cell in ``below``."""
    below, beyond = known.below, known.beyond
    limit = len(below)
    if plain:
        # nothing counts one by one as quickly as this
        distribution.add(cells, Counter(map(below.__getitem__, samples)))
        return
    for sample, times in samples.items():
        cell = below[sample] if sample < limit else beyond(sample)
        cells[cell] = cells.get(cell, 0) + times


def histogram_cell(sample: int, divisor: int, bounds: tuple[int, ...]) -> int:
    """The number of a sample's cell: its exponential bucket, and in the lowest bits its explicit
    one. Samples of one cell are in the same bucket of both kinds.
    """
    bucket = bucket_of(min(sample, _GREATEST), divisor) if sample > 0 else _ZERO
    return bucket << _POSITION_BITS | bisect_left(bounds, sample)


_NO_CELLS: Final = array("h")


class _Cells(NamedTuple):
    """``below``: the cells of samples up to some limit, by sample; ``beyond`` gives those of the
    others.
    """

    below: array[int]
    beyond: Callable[[int], int]


@cache
def _cells_for(metric: str) -> _Cells | None:
    """The cells of a metric's samples; None if it is a counter."""
    instrument = instrument_of(metric)
    return _cells_of(instrument.divisor, instrument.bounds) if instrument.is_histogram else None


@cache
def _cells_of(divisor: int, bounds: tuple[int, ...]) -> _Cells:
    """The cells of samples, most of them worked out once: for each anew it would take longer."""
    limit = min(2 * bounds[-1], _LOOKED_UP)
    last = range(bucket_of(1, divisor), bucket_of(limit, divisor) + 1)
    # a bound is an integer only where it is a power of 2 base units, which floats have exactly
    edges = {0, *bounds, *(int(upper_bound(bucket) * divisor) for bucket in last)}
    below = array("h")
    for edge in sorted(min(edge, limit - 1) for edge in edges):
        cell = array("h", [histogram_cell(edge, divisor, bounds)])
        below += cell * (edge + 1 - len(below))
    return _Cells(below, lambda sample: histogram_cell(sample, divisor, bounds))


def combined(one: SeriesTotals, more: SeriesTotals) -> SeriesTotals:
    """The totals of one series after both, ``more`` being the later."""
    cells = one.cells
    if more.cells:
        cells = dict(cells)
        distribution.add(cells, more.cells)
    return SeriesTotals(
        more.time,
        one.count + more.count,
        min(one.sum + more.sum, _MOST),
        min(one.min, more.min),
        max(one.max, more.max),
        cells,
    )
