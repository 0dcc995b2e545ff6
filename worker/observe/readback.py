"""What CloudWatch holds of a namespace, read back through its API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from worker.metrics.catalogue import CATALOGUE
from worker.observe.tables import MetricRow

_DAY: Final = timedelta(days=1)
_STATISTICS: Final = ("SampleCount", "Sum", "Minimum", "Maximum")


class StatisticsApi(Protocol):
    """What is needed of a CloudWatch client."""

    def get_metric_statistics(self, **arguments: Any) -> dict[str, Any]:
        """Statistics of one series over a span."""
        ...


def totals(client: StatisticsApi, namespace: str, now: datetime) -> Iterator[MetricRow]:
    """All metrics of the catalogue that the last two days have samples of, without dimensions."""
    end = datetime.combine(now.date(), datetime.min.time(), UTC) + _DAY
    for metric in CATALOGUE.values():
        points = client.get_metric_statistics(
            Namespace=namespace,
            MetricName=metric.name,
            StartTime=end - 2 * _DAY,
            EndTime=end,
            Period=int(_DAY.total_seconds()),
            Statistics=list(_STATISTICS),
        )["Datapoints"]
        if points:
            count = sum(point["SampleCount"] for point in points)
            yield MetricRow(
                metric.name,
                metric.unit,
                count,
                sum(point["Sum"] for point in points) / count,
                min(point["Minimum"] for point in points),
                max(point["Maximum"] for point in points),
            )
