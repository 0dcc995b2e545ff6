"""The contents of a CloudWatch namespace, read back through its API.

Emulators answer a query without dimensions with the samples of all dimension sets together, while
CloudWatch has a separate series without dimensions. So a metric with series by dimension is read
by those, which every implementation distinguishes, and not without dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from worker.metrics.catalogue import CATALOGUE
from worker.reports.tables import MetricRow

_DAY: Final = timedelta(days=1)
_STATISTICS: Final = ("SampleCount", "Sum", "Minimum", "Maximum")

_Dimensions = tuple[tuple[str, str], ...]


class ReadbackApi(Protocol):
    """The part of a CloudWatch client that is used."""

    def list_metrics(self, **arguments: Any) -> dict[str, Any]:
        """Get a page of a namespace's series."""
        ...

    def get_metric_statistics(self, **arguments: Any) -> dict[str, Any]:
        """Get statistics of one series over a span."""
        ...


def totals(client: ReadbackApi, namespace: str, now: datetime) -> Iterator[MetricRow]:
    """The totals of each series with samples in the last two days, in the catalogue's order."""
    held = _series(client, namespace)
    for metric in CATALOGUE.values():
        all_series = held.get(metric.name, set())
        for dimensions in sorted(all_series - {()} or all_series):
            yield from _total(client, namespace, metric.name, dimensions, now)


def _series(client: ReadbackApi, namespace: str) -> dict[str, set[_Dimensions]]:
    held: dict[str, set[_Dimensions]] = {}
    page: dict[str, Any] = {}
    while True:
        answer = client.list_metrics(Namespace=namespace, **page)
        for metric in answer["Metrics"]:
            dimensions = tuple(sorted((d["Name"], d["Value"]) for d in metric["Dimensions"]))
            held.setdefault(metric["MetricName"], set()).add(dimensions)
        if not answer.get("NextToken"):
            return held
        page = {"NextToken": answer["NextToken"]}


def _total(
    client: ReadbackApi, namespace: str, metric: str, dimensions: _Dimensions, now: datetime
) -> Iterator[MetricRow]:
    end = datetime.combine(now.date(), datetime.min.time(), UTC) + _DAY
    points = client.get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions],
        StartTime=end - 2 * _DAY,
        EndTime=end,
        Period=int(_DAY.total_seconds()),
        Statistics=list(_STATISTICS),
    )["Datapoints"]
    if points:
        count = sum(point["SampleCount"] for point in points)
        yield MetricRow(
            metric,
            ", ".join(value for _, value in dimensions),
            CATALOGUE[metric].unit,
            count,
            sum(point["Sum"] for point in points) / count,
            min(point["Minimum"] for point in points),
            max(point["Maximum"] for point in points),
        )
