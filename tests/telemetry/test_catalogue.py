"""The catalogue of the worker's metrics about itself."""

from __future__ import annotations

import re
from pathlib import Path

from worker.metrics.catalogue import CATALOGUE
from worker.telemetry.catalogue import TELEMETRY_METRICS, MetricKind


def test_no_name_is_also_that_of_a_domain_metric() -> None:
    assert TELEMETRY_METRICS.keys() & CATALOGUE.keys() == set()


def test_a_counter_is_added_up_and_of_a_gauge_the_greatest_counts() -> None:
    statistics = {metric.kind: metric.statistic for metric in TELEMETRY_METRICS.values()}
    assert statistics == {MetricKind.COUNTER: "Sum", MetricKind.GAUGE: "Maximum"}


def test_prometheus_names_follow_its_customs_and_differ() -> None:
    names = [metric.prometheus_name for metric in TELEMETRY_METRICS.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"voice_insights_worker(_[a-z0-9]+)+", name) for name in names)
    assert (
        TELEMETRY_METRICS["CommitTime"].prometheus_name
        == "voice_insights_worker_commit_time_seconds"
    )
    assert (
        TELEMETRY_METRICS["DeadLetters"].prometheus_name
        == "voice_insights_worker_dead_letters_total"
    )
    assert TELEMETRY_METRICS["SessionsCrossShard"].prometheus_divisor == 100


def test_the_operators_page_tells_every_metric_as_it_is() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")
    head = "| metric | unit | statistic | what it is |\n| --- | --- | --- | --- |\n"
    table = page.partition(head)[2].partition("\n\n")[0]
    assert table.splitlines() == [
        f"| {metric.name} | {metric.unit} | {metric.statistic} | {metric.about} |"
        for metric in TELEMETRY_METRICS.values()
    ]
