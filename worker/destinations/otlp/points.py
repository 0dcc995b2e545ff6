"""OpenTelemetry's data points: a series' totals at an instant, or its samples since then. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log2
from typing import Final

import msgspec

from worker.metrics import totals as totals_of
from worker.metrics.distribution import total
from worker.metrics.instruments import instrument_of
from worker.metrics.series import Series
from worker.metrics.totals import SeriesTotals

BUCKETS_AT_MOST: Final = 160
"""The most buckets from the least to the greatest sample of a histogram: the default of SDKs, which
Prometheus's native histograms accept."""

_FINEST_SCALE: Final = 20


class Exemplar(msgspec.Struct, array_like=True, frozen=True):
    """A sample of a point: its value as an integer sample, its minute (epoch ms), and the trace of
    its session.
    """

    sample: int
    minute: int
    trace_id: bytes


class OtlpPoint(msgspec.Struct, array_like=True, frozen=True):
    """A data point of a series, from ``start`` to ``time`` (epoch ms).

    ``sum``, ``min`` and ``max`` are integer samples. A histogram's ``buckets`` are the counts by
    index on ``scale``, in ascending order, and ``zeros`` counts the samples that are 0; a counter
    has neither. ``minutes``: the number of samples of each minute (epoch ms) in a delta point;
    empty in a cumulative one.
    """

    metric: str
    dimensions: tuple[tuple[str, str], ...]
    start: int
    time: int
    count: int
    sum: int
    min: int
    max: int
    scale: int = totals_of.SCALE
    zeros: int = 0
    buckets: tuple[tuple[int, int], ...] = ()
    minutes: tuple[tuple[int, int], ...] = ()
    exemplar: Exemplar | None = None

    @property
    def series(self) -> Series:
        """The point's series."""
        return Series(self.metric, self.dimensions)


def cumulative_point(series: Series, since: int, time: int, totals: SeriesTotals) -> OtlpPoint:
    """Return the point of a series with its totals from ``since`` to ``time``."""
    scale, buckets = _within(totals_of.SCALE, sorted(totals.buckets.items()))
    return OtlpPoint(
        *series,
        start=since,
        time=time,
        count=totals.count,
        sum=totals.sum,
        min=totals.min,
        max=totals.max,
        scale=scale,
        zeros=totals.zeros,
        buckets=buckets,
    )


def delta_point(
    series: Series, start: int, time: int, samples: Mapping[int, int], minutes: Mapping[int, int]
) -> OtlpPoint:
    """Return the point of samples (at least one, none below 0); ``minutes``: number in each."""
    scale, zeros = totals_of.SCALE, 0
    buckets: list[tuple[int, int]] = []
    instrument = instrument_of(series.metric)
    if instrument.is_histogram:
        zeros = samples.get(0, 0)
        above = {sample / instrument.divisor: n for sample, n in samples.items() if sample}
        scale = finest_scale(min(above), max(above)) if above else 0
        counts: dict[int, int] = {}
        for value, times in above.items():
            index = bucket_on_scale(scale, value)
            counts[index] = counts.get(index, 0) + times
        buckets = sorted(counts.items())
    return OtlpPoint(
        *series,
        start=start,
        time=time,
        count=sum(samples.values()),
        sum=total(samples),
        min=min(samples),
        max=max(samples),
        scale=scale,
        zeros=zeros,
        buckets=tuple(buckets),
        minutes=tuple(sorted(minutes.items())),
    )


def finest_scale(least: float, greatest: float) -> int:
    """Return the finest scale with few enough buckets for values between these (> 0)."""
    scale = _FINEST_SCALE
    while bucket_on_scale(scale, greatest) - bucket_on_scale(scale, least) >= BUCKETS_AT_MOST:
        scale -= 1
    return scale


def bucket_on_scale(scale: int, value: float) -> int:
    """Return the index of the bucket of a value above 0: (base**index, base**(index + 1)], where
    the base is 2**(2**-scale).
    """
    return ceil(log2(value) * 2.0**scale) - 1


def _within(scale: int, buckets: list[tuple[int, int]]) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Merge buckets on coarser scales until they are few enough."""
    while buckets and buckets[-1][0] - buckets[0][0] >= BUCKETS_AT_MOST:
        counts: dict[int, int] = {}
        for index, times in buckets:
            counts[index >> 1] = counts.get(index >> 1, 0) + times
        scale, buckets = scale - 1, sorted(counts.items())
    return scale, tuple(buckets)
