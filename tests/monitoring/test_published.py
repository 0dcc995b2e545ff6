"""What the watch looks at is what a replay of calls publishes: namespace, name, dimensions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.infra.templates import MONITORING, load
from tests.processes import run
from worker.metrics.catalogue import CATALOGUE
from worker.recordings.writer import write_recording
from worker.testing.habits import Habits
from worker.testing.traffic import Traffic, simulated_records

pytestmark = pytest.mark.slow

NAMESPACE = "VoiceInsights"
Shape = tuple[str, tuple[str, ...]]
"""A metric's name and those of its dimensions, in order."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The datums of calls in which much goes wrong."""
    folder = tmp_path_factory.mktemp("published")
    habits = Habits(errors=0.5, silences=0.5, barge_ins=0.3, back_to_back=0.2)
    traffic = Traffic(sessions=60, habits=habits, lost=0.02)
    write_recording(folder / "recording", simulated_records(traffic, 5))
    done = run("replay", "recording", "--metrics", "m", cwd=folder)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (folder / "m").read_text().splitlines()]


def shape_of(name: str, dimensions: list[str]) -> Shape:
    return name, tuple(sorted(dimensions))


def alarmed() -> Iterator[dict[str, Any]]:
    for one in load(MONITORING)["Resources"].values():
        if one["Type"] == "AWS::CloudWatch::Alarm":
            made = one["Properties"]
            queries = made.get("Metrics", [{"MetricStat": {"Metric": made}}])
            yield from (it["MetricStat"]["Metric"] for it in queries if "MetricStat" in it)


def shown() -> Iterator[list[Any]]:
    body = load(MONITORING)["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for widget in json.loads(body)["widgets"]:
        yield from widget["properties"].get("metrics", ())


def test_each_alarm_is_on_series_that_are_published(published: list[dict[str, Any]]) -> None:
    names = {
        (one["MetricName"], *((it["Name"], it["Value"]) for it in one["Dimensions"]))
        for one in published
    }
    evaluation_periods = [one for one in alarmed() if one["Namespace"] == NAMESPACE]
    assert len(evaluation_periods) > 10
    for one in evaluation_periods:
        dimensions = ((it["Name"], it["Value"]) for it in one.get("Dimensions", ()))
        assert (one["MetricName"], *dimensions) in names


def test_each_line_of_the_dashboard_is_of_series_that_are_published(
    published: list[dict[str, Any]],
) -> None:
    shapes = {
        shape_of(one["MetricName"], [it["Name"] for it in one["Dimensions"]]) for one in published
    }
    evaluation_periods = set()
    for *path, options in shown():
        if path and path[0] == NAMESPACE:
            evaluation_periods.add(shape_of(path[1], path[2::2]))
        elif "SEARCH" in options.get("expression", ""):
            (found,) = re.findall(r"{(.*?)} MetricName=\"(\w+)\"", options["expression"])
            namespace, *names = (one.strip('"') for one in found[0].split(","))
            assert namespace == NAMESPACE
            evaluation_periods.add(shape_of(found[1], names))
    assert len(evaluation_periods) > 20
    assert evaluation_periods - shapes == set()


def test_each_datum_is_in_its_unit_and_namespace(published: list[dict[str, Any]]) -> None:
    for one in published:
        assert one["Namespace"] == NAMESPACE
        assert one["Unit"] == CATALOGUE[one["MetricName"]].unit
