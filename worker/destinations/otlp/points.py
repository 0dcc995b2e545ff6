"""Data points: what a series amounts to at an instant, as OpenTelemetry understands it. Pure."""

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
"""How far apart, in buckets, the least and the greatest sample of a histogram may be: what SDKs
have by default, and Prometheus's native histograms take."""

_FINEST_SCALE: Final = 20


class Exemplar(msgspec.Struct, array_like=True, frozen=True):
    """One sample of a point: its value in integer samples, its minute (epoch ms), and the trace of
    the session that it comes from.
    """

    sample: int
    minute: int
    trace_id: bytes


class OtlpPoint(msgspec.Struct, array_like=True, frozen=True):
    """A data point of a series, from ``start`` to ``time`` (epoch ms).

    ``sum``, ``min`` and ``max`` are integer samples. Of a histogram, ``buckets`` are the counts by
    index on ``scale``, in ascending order, and ``zeros`` those of samples that are 0; a counter has
    none. ``minutes``: how many samples of which minutes (epoch ms) a point that stands for itself
    holds; of one that repeats all before it, empty.
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
        """The series that it is of."""
        return Series(self.metric, self.dimensions)


def cumulative_point(series: Series, since: int, time: int, totals: SeriesTotals) -> OtlpPoint:
    """All samples of a series from ``since`` to ``time``."""
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
    """Some samples (at least one, none below 0) of a series; ``minutes``: how many of each."""
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
    """The finest scale on which values between these (> 0) lie in few enough buckets."""
    scale = _FINEST_SCALE
    while bucket_on_scale(scale, greatest) - bucket_on_scale(scale, least) >= BUCKETS_AT_MOST:
        scale -= 1
    return scale


def bucket_on_scale(scale: int, value: float) -> int:
    """The index of the bucket of a value above 0: (base**index, base**(index + 1)], where the base
    is 2**(2**-scale).
    """
    return ceil(log2(value) * 2.0**scale) - 1


def _within(scale: int, buckets: list[tuple[int, int]]) -> tuple[int, tuple[tuple[int, int], ...]]:
    """The same on the next coarser scales, until they are few enough."""
    while buckets and buckets[-1][0] - buckets[0][0] >= BUCKETS_AT_MOST:
        counts: dict[int, int] = {}
        for index, times in buckets:
            counts[index >> 1] = counts.get(index >> 1, 0) + times
        scale, buckets = scale - 1, sorted(counts.items())
    return scale, tuple(buckets)
