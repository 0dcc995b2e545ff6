"""A fleet is watched by what its tasks do together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.templates import parse
from worker.metrics.series import SeriesRules
from worker.monitoring.alarm import Alarm, Missing, Urgency
from worker.monitoring.alarms import alarms
from worker.monitoring.deployment import Deployment, Of
from worker.monitoring.fleet_alarms import UNHELD_MIN
from worker.monitoring.template import monitoring_template
from worker.partition.rules import Rules
from worker.telemetry.fleet_catalogue import FLEET_METRICS

RULES = Rules(series=SeriesRules(in_all=321))
FLEET = Deployment("VoiceInsights", "VoiceInsights/Worker", RULES, buckets=12)
SINGLE = Deployment("VoiceInsights", "VoiceInsights/Worker", RULES)


def named(deployment: Deployment) -> dict[str, Alarm]:
    return {alarm.name: alarm for alarm in alarms(deployment)}


def test_alarms_of_a_fleet_replace_those_of_the_one_process() -> None:
    single, fleet = named(SINGLE), named(FLEET)
    assert single.keys() - fleet.keys() == {"Heartbeat", "IteratorAge"}
    assert fleet.keys() - single.keys() == {
        *("BucketsHeld", "RouterBehind", "BundlesRefused", "KeyedStreamFull", "SeriesCap"),
    }
    assert "StreamTime" in fleet


def test_someone_is_woken_if_fewer_buckets_are_held_than_there_are() -> None:
    held = named(FLEET)["BucketsHeld"]
    (metric,) = held.metrics
    assert (held.below, held.threshold, metric.statistic) == (True, 12, "Sum")
    assert (held.urgency, held.missing) == (Urgency.PAGE, Missing.BAD)
    assert (held.bad, held.period_s) == (UNHELD_MIN, 60)


def test_the_cap_on_series_that_counts_in_each_bucket_is_watched_over_all_of_a_task() -> None:
    assert named(FLEET)["SeriesCap"].threshold == 321


def test_every_metric_about_a_fleet_is_one_that_it_has() -> None:
    for alarm in alarms(FLEET):
        for metric in alarm.metrics:
            if metric.of is Of.WORKER:
                assert metric.name in FLEET_METRICS


def test_the_template_asks_for_the_keyed_stream() -> None:
    template = parse(monitoring_template(FLEET))
    full = template["Resources"]["KeyedStreamFull"]["Properties"]
    assert full["Dimensions"] == [{"Name": "StreamName", "Value": {"Ref": "KeyedStreamName"}}]
    assert "KeyedStreamName" in template["Parameters"]
    assert "KeyedStreamName" not in parse(monitoring_template(SINGLE))["Parameters"]


@pytest.mark.slow
def test_cfn_lint_has_nothing_to_say_of_it(tmp_path: Path) -> None:
    path = tmp_path / "monitoring-fleet.yaml"
    path.write_text(monitoring_template(FLEET))
    linted = subprocess.run(
        [Path(sys.executable).parent / "cfn-lint", "--include-checks", "I", "--", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (linted.stdout, linted.stderr, linted.returncode) == ("", "", 0)
