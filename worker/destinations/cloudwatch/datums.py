"""Conversion of distributions to CloudWatch datums: one series, one minute, Values and Counts.

A datum takes at most 150 distinct values. Up to 300 are sent as two datums of one group; beyond,
the distribution is coarsened. A group is never split over requests: should a request be applied
twice, the whole minute of a series counts twice, which changes its sum and count, but neither its
average nor any percentile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any, Final

from worker.metrics.catalogue import CATALOGUE
from worker.metrics.distribution import Distribution, coarsen, unscaled
from worker.metrics.series import Series

VALUES_PER_DATUM: Final = 150
DATUMS_PER_GROUP: Final = 2

Datum = dict[str, Any]
"""A MetricDatum as PutMetricData takes it; ``Timestamp`` in epoch seconds."""


def to_datums(series: Series, minute: int, distribution: Mapping[int, int]) -> list[Datum]:
    """Return the one or two datums of a series' minute (epoch ms); values in published units."""
    metric = CATALOGUE[series.metric]
    coarse = coarsen(distribution, VALUES_PER_DATUM * DATUMS_PER_GROUP)
    samples = sorted(coarse)
    counts = list(map(coarse.__getitem__, samples))
    values: list[int] | list[int | float] = samples
    if metric.scale != 1:
        values = [unscaled(sample, metric.scale) for sample in samples]
    return [
        {
            "MetricName": series.metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
            "Timestamp": minute // 1000,
            "Unit": metric.unit,
            "Values": values[start : start + VALUES_PER_DATUM],
            "Counts": counts[start : start + VALUES_PER_DATUM],
        }
        for start in range(0, len(samples), VALUES_PER_DATUM)
    ]


def groups(window: Mapping[tuple[Series, int], Distribution]) -> Iterator[list[Datum]]:
    """Yield the datums of each series' minute, by minute and series."""
    places = sorted(window)
    places.sort(key=_MINUTE)  # a stable sort; faster than sorting by reversed pairs
    for series, minute in places:
        yield to_datums(series, minute, window[series, minute])


_MINUTE: Final = itemgetter(1)
