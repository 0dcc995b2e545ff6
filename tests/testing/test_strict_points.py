"""The strict store of data points takes all that adds up, and rejects what doesn't."""

from __future__ import annotations

from typing import Final

from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from worker.destinations.otlp.metric_encoding import encode_metrics
from worker.destinations.otlp.names import MetricNames
from worker.destinations.otlp.points import delta_point
from worker.metrics.catalogue import CATALOGUE, DEFAULT_DIMENSION_SETS
from worker.metrics.dimension_sets import dimension_sets_of
from worker.metrics.instruments import instrument_of
from worker.metrics.series import Series
from worker.testing.strict_points import StrictPoints

NAMES: Final = MetricNames(DEFAULT_DIMENSION_SETS)
HISTOGRAMS: Final = sorted(name for name in CATALOGUE if instrument_of(name).is_histogram)
SAMPLES: Final = st.dictionaries(
    st.integers(0, 10_000_000), st.integers(1, 1_000), min_size=1, max_size=5
)


def encoded(name: str, samples: dict[int, int]) -> Metric:
    dimensions = dimension_sets_of(name, DEFAULT_DIMENSION_SETS)[0]
    series = Series(name, tuple((one, "any") for one in dimensions))
    body = encode_metrics([delta_point(series, 1, 2, samples, {})], NAMES, Resource(), "delta")
    request = ExportMetricsServiceRequest.FromString(body)
    return request.resource_metrics[0].scope_metrics[0].metrics[0]


@given(st.sampled_from(HISTOGRAMS), SAMPLES)
@example("TokensPerSecond", {45_455: 3})  # a third of the sum is more than the greatest sample
def test_every_histogram_of_samples_is_taken(name: str, samples: dict[int, int]) -> None:
    assert [*StrictPoints().take(Resource(), encoded(name, samples))] == []


@given(st.sampled_from(HISTOGRAMS), SAMPLES)
def test_a_sum_that_the_samples_cannot_have_is_rejected(name: str, samples: dict[int, int]) -> None:
    metric = encoded(name, samples)
    metric.exponential_histogram.data_points[0].sum *= 1_001
    metric.exponential_histogram.data_points[0].sum += 1
    assert len([*StrictPoints().take(Resource(), metric)]) == 1
