"""What is asked of CloudWatch for a baseline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from worker.monitoring.baseline import BaselinePeriod
from worker.monitoring.deployment import Deployment
from worker.monitoring.history import history

START = datetime(2026, 10, 2, tzinfo=UTC)
SUBJECT = Deployment("Voice", "W", labels=(("Environment", "prod"),))


class Statistics:
    """Answers as CloudWatch does: statistics or percentiles, at most 1,440 points, in any order."""

    def __init__(self, held: dict[datetime, BaselinePeriod]) -> None:
        self._held = held
        self.asked: list[dict[str, Any]] = []

    def get_metric_statistics(self, **arguments: Any) -> dict[str, Any]:
        self.asked.append(arguments)
        assert ("Statistics" in arguments) != ("ExtendedStatistics" in arguments)
        start, end = arguments["StartTime"], arguments["EndTime"]
        assert (end - start).total_seconds() / arguments["Period"] <= 1_440
        points = []
        for at, period in self._held.items():
            if start <= at < end:
                point: dict[str, Any] = {"Timestamp": at, "Unit": "Milliseconds"}
                if "Statistics" in arguments:
                    point["SampleCount"] = period.samples
                else:
                    point["ExtendedStatistics"] = {"p95": period.percentile}
                points.append(point)
        return {"Label": arguments["MetricName"], "Datapoints": points[::-1]}


@pytest.mark.parametrize("days", [1, 5, 14])
def test_all_periods_are_read_once_whatever_fits_an_answer(days: int) -> None:
    held = {
        START + timedelta(seconds=300 * i): BaselinePeriod(40.0 + i % 7, 800.0 + i)
        for i in range(0, days * 288, 3)
    }
    client = Statistics(held)
    found = list(history(client, SUBJECT, "CallerWait", START, START + timedelta(days=days)))
    assert found == list(held.values())
    assert len(client.asked) == 2 * -(-days // 5)


def test_the_series_is_the_one_that_the_alarm_looks_at() -> None:
    client = Statistics({})
    assert list(history(client, SUBJECT, "CallerWait", START, START + timedelta(days=1))) == []
    for asked in client.asked:
        assert (asked["Namespace"], asked["MetricName"]) == ("Voice", "CallerWait")
        assert asked["Dimensions"] == [{"Name": "Environment", "Value": "prod"}]
        assert asked["Period"] == 300
