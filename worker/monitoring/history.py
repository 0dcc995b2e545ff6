"""A latency metric's history in CloudWatch, by periods of an alarm's length. Shell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from worker.monitoring.alarms import LATENCY_PERCENTILE, LATENCY_PERIOD_S
from worker.monitoring.baseline import BaselinePeriod
from worker.monitoring.deployment import Deployment, MetricQuery

_POINTS_AT_MOST: Final = 1440
"""The most data points in an answer of GetMetricStatistics."""


class StatisticsApi(Protocol):
    """The part of a CloudWatch client that is used."""

    def get_metric_statistics(self, **arguments: Any) -> dict[str, Any]:
        """Get statistics of one series over a span. Raises boto3's errors."""
        ...


def history(
    client: StatisticsApi, deployment: Deployment, name: str, start: datetime, end: datetime
) -> Iterator[BaselinePeriod]:
    """Yield the periods with samples from ``start`` to ``end``, both at a period's boundary.

    Makes two calls for each five days, because CloudWatch answers with either statistics or
    percentiles. A period without a percentile (emulators have none) is left out.
    """
    span = timedelta(seconds=LATENCY_PERIOD_S * _POINTS_AT_MOST)
    while start < end:
        until = min(end, start + span)
        samples = _points(client, deployment, name, start, until, Statistics=["SampleCount"])
        percentiles = _points(
            client, deployment, name, start, until, ExtendedStatistics=[LATENCY_PERCENTILE]
        )
        for at, point in sorted(samples.items()):
            percentile = percentiles.get(at, {}).get("ExtendedStatistics", {})
            if LATENCY_PERCENTILE in percentile:
                yield BaselinePeriod(point["SampleCount"], percentile[LATENCY_PERCENTILE])
        start = until


def _points(
    client: StatisticsApi,
    deployment: Deployment,
    name: str,
    start: datetime,
    end: datetime,
    **statistic: list[str],
) -> dict[datetime, dict[str, Any]]:
    metric = MetricQuery("any", name, LATENCY_PERCENTILE)
    answer = client.get_metric_statistics(
        Namespace=metric.namespace(deployment),
        MetricName=name,
        Dimensions=[
            {"Name": key, "Value": value} for key, value in metric.all_dimensions(deployment)
        ],
        StartTime=start,
        EndTime=end,
        Period=LATENCY_PERIOD_S,
        **statistic,
    )
    return {point["Timestamp"]: point for point in answer["Datapoints"]}
