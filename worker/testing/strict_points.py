"""Data points as a strict store takes them: each series in order of time, and never twice.

A cumulative point may be repeated as it was; an older one, another one of the same time, or one
that says less than the one before is rejected, alone. Every histogram has to add up.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as encoded
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

MAX_ATTRIBUTES: Final = 150

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]{0,254}")
_DELTA: Final = encoded.AGGREGATION_TEMPORALITY_DELTA
_CUMULATIVE: Final = encoded.AGGREGATION_TEMPORALITY_CUMULATIVE

PointAttributes = tuple[tuple[str, str], ...]

_Encoded = encoded.ExponentialHistogramDataPoint | encoded.NumberDataPoint


class SeriesKey(NamedTuple):
    """The identity of a series: the resource's attributes, the metric's name, the point's."""

    resource: PointAttributes
    name: str
    attributes: PointAttributes


class KeptPoint(NamedTuple):
    """The kept point of a series. Times in nanoseconds; a counter has only ``sum``. ``buckets``:
    counts by index on ``scale``.
    """

    start: int
    time: int
    sum: float
    samples: int = 0
    min: float = 0.0
    max: float = 0.0
    zeros: int = 0
    scale: int = 0
    buckets: tuple[tuple[int, int], ...] = ()


class Rejected(Exception):
    """A point that is rejected, and why."""


class StrictPoints:
    """Takes points one by one."""

    def __init__(self) -> None:
        self.kept: dict[SeriesKey, KeptPoint] = {}
        """The latest point of each cumulative series; of a delta series the sum of all points."""

    def take(self, resource: Resource, metric: encoded.Metric) -> Iterator[str]:
        """Take the points of a metric; yield why each rejected one is rejected."""
        place = _attributes(resource.attributes)
        points, temporality = _points_of(metric)
        for point in points:
            key = SeriesKey(place, metric.name, _attributes(point.attributes))
            try:
                self._take(key, _checked(metric, point), temporality)
            except Rejected as rejected:
                yield f"{metric.name}: {rejected}"

    def _take(self, key: SeriesKey, point: KeptPoint, temporality: int) -> None:
        known = self.kept.get(key)
        if temporality == _DELTA:
            if known is not None and point.time <= known.time:
                raise Rejected("out of order")
            self.kept[key] = point if known is None else _added(known, point)
            return
        if temporality != _CUMULATIVE:
            raise Rejected("no temporality")
        if known is not None and point != known:
            _require_later(known, point)
        self.kept[key] = point


def _require_later(known: KeptPoint, point: KeptPoint) -> None:
    if point.time < known.time:
        raise Rejected("out of order")
    if point.time == known.time:
        raise Rejected("another point of the same time")
    if point.start < known.start:
        raise Rejected("an earlier start")
    if point.start == known.start and (point.samples, point.sum) < (known.samples, known.sum):
        raise Rejected("less than before")


def _points_of(metric: encoded.Metric) -> tuple[list[_Encoded], int]:
    kind = metric.WhichOneof("data")
    if kind == "exponential_histogram":
        histogram = metric.exponential_histogram
        return list(histogram.data_points), histogram.aggregation_temporality
    if kind == "sum" and metric.sum.is_monotonic:
        return list(metric.sum.data_points), metric.sum.aggregation_temporality
    raise NotImplementedError(f"points of {kind}")


def _checked(metric: encoded.Metric, point: _Encoded) -> KeptPoint:
    if not _NAME.fullmatch(metric.name):
        raise Rejected("no name of a metric")
    if len(point.attributes) > MAX_ATTRIBUTES:
        raise Rejected(f"{len(point.attributes)} attributes")
    if not 0 < point.start_time_unix_nano < point.time_unix_nano:
        raise Rejected("it begins after its time")
    if isinstance(point, encoded.NumberDataPoint):
        value = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
        if value < 0:
            raise Rejected("less than nothing")
        return KeptPoint(point.start_time_unix_nano, point.time_unix_nano, value)
    return _histogram(point)


def _histogram(point: encoded.ExponentialHistogramDataPoint) -> KeptPoint:
    offset, counts = point.positive.offset, point.positive.bucket_counts
    buckets = tuple((offset + n, count) for n, count in enumerate(counts) if count)
    if sum(counts) + point.zero_count != point.count or not point.count:
        raise Rejected("its buckets don't add up")
    if point.negative.bucket_counts:
        raise Rejected("less than nothing")
    mean = point.sum / point.count
    if not (point.min * _NEARLY <= mean and mean * _NEARLY <= point.max):
        raise Rejected("its mean is beyond its extremes")
    if buckets:
        base = 2.0 ** (2.0**-point.scale)
        first, last = buckets[0][0], buckets[-1][0]
        least = point.min if not point.zero_count else base ** (first + 1)
        if not (base**first * _NEARLY < least and point.max * _NEARLY <= base ** (last + 1)):
            raise Rejected("its extremes are beyond its buckets")
    return KeptPoint(
        point.start_time_unix_nano,
        point.time_unix_nano,
        point.sum,
        point.count,
        point.min,
        point.max,
        point.zero_count,
        point.scale,
        buckets,
    )


_NEARLY: Final = 1 - 1e-9
"""The tolerance of a quotient of floating-point numbers."""


def _added(known: KeptPoint, point: KeptPoint) -> KeptPoint:
    """Add two points, on the coarser of their scales."""
    scale = min(known.scale, point.scale)
    counts: Counter[int] = Counter()
    for one in (known, point):
        for index, count in one.buckets:
            counts[index >> (one.scale - scale)] += count
    return KeptPoint(
        min(known.start, point.start),
        point.time,
        known.sum + point.sum,
        known.samples + point.samples,
        min(known.min, point.min),
        max(known.max, point.max),
        known.zeros + point.zeros,
        scale,
        tuple(sorted(counts.items())),
    )


def _attributes(attributes: Iterable[KeyValue]) -> PointAttributes:
    found = tuple((one.key, one.value.string_value) for one in attributes)
    if len(dict(found)) < len(found):
        raise Rejected("an attribute is repeated")
    return tuple(sorted(found))
