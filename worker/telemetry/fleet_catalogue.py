"""The telemetry of a fleet's task: the worker's metrics, and those of fleets only. Pure."""

from __future__ import annotations

from typing import Final

from worker.telemetry.catalogue import TELEMETRY_METRICS, MetricKind, TelemetryMetric

_COUNTER, _GAUGE = MetricKind.COUNTER, MetricKind.GAUGE
_MS, _COUNT = "Milliseconds", "Count"

_METRICS: Final = (
    TelemetryMetric(
        "BucketsHeld",
        _COUNT,
        _GAUGE,
        "buckets that the task holds; the sum over all tasks is the fleet's number of buckets",
    ),
    TelemetryMetric(
        "RoutedRecords", _COUNT, _COUNTER, "source records that were put into the keyed stream"
    ),
    TelemetryMetric(
        "RoutedTwice",
        _COUNT,
        _COUNTER,
        "routed records that a bucket had already, and left out",
    ),
    TelemetryMetric(
        "RouterBehindMillis", _MS, _GAUGE, "largest lag of a source shard that the task routes"
    ),
    TelemetryMetric(
        "BundlesRefused",
        _COUNT,
        _COUNTER,
        "bundles that a bucket refused: unreadable, or beyond what it has",
    ),
    TelemetryMetric(
        "SeriesAdmitted",
        _COUNT,
        _GAUGE,
        "different series that the task's buckets have admitted; the caps count in each bucket",
    ),
)

FLEET_METRICS: Final[dict[str, TelemetryMetric]] = {
    **TELEMETRY_METRICS,
    **{metric.name: metric for metric in _METRICS},
}

FLEET_ONLY: Final = tuple(metric.name for metric in _METRICS)
"""The names of the metrics that only a fleet's tasks have."""
