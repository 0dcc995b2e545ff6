"""Data points as the body of an OTLP request. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1 import metrics_pb2 as encoded
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from worker.destinations.otlp.metrics import Temporality
from worker.destinations.otlp.names import MetricNames, attributes_of
from worker.destinations.otlp.points import Exemplar, OtlpPoint
from worker.destinations.otlp.resource import NANOS, SCOPE, key_values
from worker.metrics.catalogue import CATALOGUE
from worker.metrics.distribution import unscaled
from worker.metrics.instruments import Instrument, instrument_of

_TEMPORALITIES = {
    "cumulative": encoded.AGGREGATION_TEMPORALITY_CUMULATIVE,
    "delta": encoded.AGGREGATION_TEMPORALITY_DELTA,
}


def encode_metrics(
    points: Iterable[OtlpPoint], names: MetricNames, resource: Resource, temporality: Temporality
) -> bytes:
    """Encode points as protobuf: one metric for each name that a point has, in order."""
    by_name: dict[str, list[OtlpPoint]] = {}
    for point in points:
        name = names.of(point.series)
        if name is not None:  # otherwise the point's dimension set is no longer in force
            by_name.setdefault(name, []).append(point)
    metrics = [_metric(name, some, temporality) for name, some in sorted(by_name.items())]
    scope = encoded.ScopeMetrics(scope=SCOPE, metrics=metrics)
    request = ExportMetricsServiceRequest(
        resource_metrics=[encoded.ResourceMetrics(resource=resource, scope_metrics=[scope])]
    )
    return request.SerializeToString(deterministic=True)


def _metric(name: str, points: list[OtlpPoint], temporality: Temporality) -> encoded.Metric:
    metric = points[0].metric
    instrument, kind = instrument_of(metric), _TEMPORALITIES[temporality]
    described = encoded.Metric(name=name, unit=instrument.unit, description=CATALOGUE[metric].about)
    if instrument.is_histogram:
        histogram = described.exponential_histogram
        histogram.aggregation_temporality = kind
        histogram.data_points.extend(_histogram(point, instrument) for point in points)
    else:
        described.sum.aggregation_temporality = kind
        described.sum.is_monotonic = True
        described.sum.data_points.extend(_number(point, instrument) for point in points)
    return described


def _histogram(point: OtlpPoint, instrument: Instrument) -> encoded.ExponentialHistogramDataPoint:
    divisor = instrument.divisor
    return encoded.ExponentialHistogramDataPoint(
        attributes=key_values(attributes_of(point.series)),
        start_time_unix_nano=point.start * NANOS,
        time_unix_nano=point.time * NANOS,
        count=point.count,
        sum=point.sum / divisor,
        min=point.min / divisor,
        max=point.max / divisor,
        scale=point.scale,
        zero_count=point.zeros,
        positive=_dense(point.buckets),
        exemplars=_exemplars(point.exemplar, instrument),
    )


def _number(point: OtlpPoint, instrument: Instrument) -> encoded.NumberDataPoint:
    value = unscaled(point.sum, instrument.divisor)
    return encoded.NumberDataPoint(
        attributes=key_values(attributes_of(point.series)),
        start_time_unix_nano=point.start * NANOS,
        time_unix_nano=point.time * NANOS,
        **({"as_int": value} if isinstance(value, int) else {"as_double": value}),
    )


def _dense(
    buckets: tuple[tuple[int, int], ...],
) -> encoded.ExponentialHistogramDataPoint.Buckets | None:
    """Return the counts from the first bucket to the last, including empty ones in between."""
    if not buckets:
        return None
    offset = buckets[0][0]
    counts = [0] * (buckets[-1][0] - offset + 1)
    for index, count in buckets:
        counts[index - offset] = count
    return encoded.ExponentialHistogramDataPoint.Buckets(offset=offset, bucket_counts=counts)


def _exemplars(exemplar: Exemplar | None, instrument: Instrument) -> list[encoded.Exemplar]:
    if exemplar is None:
        return []
    return [
        encoded.Exemplar(
            time_unix_nano=exemplar.minute * NANOS,
            as_double=exemplar.sample / instrument.divisor,
            trace_id=exemplar.trace_id,
        )
    ]
