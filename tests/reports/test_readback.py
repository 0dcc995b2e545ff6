"""What CloudWatch holds, read back: every series once, in the catalogue's order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from worker.metrics.catalogue import CATALOGUE
from worker.reports.readback import totals
from worker.reports.tables import MetricRow
from worker.testing.moto_server import client_of, embedded_aws

NOW = datetime(2026, 10, 2, 12, 0, tzinfo=UTC)


class Pages:
    """A CloudWatch that answers a listing one series a page, and statistics by script."""

    def __init__(self, series: list[tuple[str, dict[str, str]]]) -> None:
        self._series = series
        self.points: list[dict[str, float]] = []
        self.asked: list[dict[str, Any]] = []

    def list_metrics(self, **arguments: Any) -> dict[str, Any]:
        page = int(arguments.get("NextToken", 0))
        if not self._series:
            return {"Metrics": []}
        name, dimensions = self._series[page]
        listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        more = {"NextToken": str(page + 1)} if page + 1 < len(self._series) else {}
        return {"Metrics": [{"MetricName": name, "Dimensions": listed}], **more}

    def get_metric_statistics(self, **arguments: Any) -> dict[str, Any]:
        self.asked.append(arguments)
        return {"Datapoints": self.points}


def point(count: float, total: float, least: float, most: float) -> dict[str, float]:
    return {"SampleCount": count, "Sum": total, "Minimum": least, "Maximum": most}


def test_every_page_of_the_listing_is_read_in_the_catalogues_order() -> None:
    names = ["Turns", "SttLatency", "CallerWait", "NotOurs"]
    pages = Pages([(name, {}) for name in names])
    pages.points = [point(2, 10, 4, 6)]
    rows = list(totals(pages, "N", NOW))
    order = [name for name in CATALOGUE if name in names]
    assert [row.name for row in rows] == order
    assert all(request["Namespace"] == "N" for request in pages.asked)


def test_a_metric_with_series_by_dimension_is_told_by_those() -> None:
    pages = Pages([("CallerWait", {"Language": "de"}), ("CallerWait", {})])
    pages.points = [point(1, 5, 5, 5)]
    (row,) = totals(pages, "N", NOW)
    assert row.dimensions == "de"


def test_the_days_of_a_series_are_added_up() -> None:
    pages = Pages([("CallerWait", {})])
    pages.points = [point(1, 100, 100, 100), point(3, 900, 50, 700)]
    assert list(totals(pages, "N", NOW)) == [
        MetricRow("CallerWait", "", "Milliseconds", 4, 250.0, 50, 700)
    ]
    (asked,) = pages.asked
    assert asked["StartTime"] <= NOW - timedelta(days=1)
    assert asked["EndTime"] > NOW


def test_a_series_without_samples_is_left_out() -> None:
    assert list(totals(Pages([("CallerWait", {})]), "N", NOW)) == []


def test_an_empty_namespace_gives_nothing() -> None:
    assert list(totals(Pages([]), "N", NOW)) == []


@pytest.fixture
def cloudwatch() -> Iterator[Any]:
    with embedded_aws() as endpoint:
        yield client_of("cloudwatch", endpoint)


@pytest.mark.slow
def test_what_was_put_is_what_is_read(cloudwatch: Any) -> None:
    now = datetime.now(UTC)
    for language, values, counts in (("de", [100.0, 400.0], [2.0, 1.0]), ("en", [50.0], [4.0])):
        datum = {
            "MetricName": "CallerWait",
            "Dimensions": [{"Name": "Language", "Value": language}],
            "Timestamp": now,
            "Unit": "Milliseconds",
            "Values": values,
            "Counts": counts,
        }
        cloudwatch.put_metric_data(Namespace="N", MetricData=[datum])
        cloudwatch.put_metric_data(Namespace="N", MetricData=[{**datum, "Dimensions": []}])
    assert list(totals(cloudwatch, "N", now)) == [
        MetricRow("CallerWait", "de", "Milliseconds", 3, 200, 100, 400),
        MetricRow("CallerWait", "en", "Milliseconds", 4, 50, 50, 50),
    ]
    assert list(totals(cloudwatch, "Other", now)) == []
