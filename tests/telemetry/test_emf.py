"""The line of EMF from which CloudWatch Logs makes the worker's metrics about itself."""

from __future__ import annotations

import json
from typing import Any

from tests.telemetry.progresses import NOW, progress
from worker.logs.setup import LOG_LINE_BYTES
from worker.service.shards import ShardProgress
from worker.telemetry.catalogue import TELEMETRY_METRICS, MetricKind
from worker.telemetry.emf import emf_fields
from worker.telemetry.emf_lines import TelemetryLines
from worker.telemetry.snapshot import EventCounts, ReportPeriod, TelemetrySnapshot, snapshot_of


def snapshot(occurrences: int = 10, shards: int = 2) -> TelemetrySnapshot:
    told = progress(
        counters={**progress().counters, "occurrences": occurrences},
        shards={
            f"shardId-{n:012}": ShardProgress(100 * n, NOW - n, paused=False) for n in range(shards)
        },
    )
    return snapshot_of(told, EventCounts(NOW, {}, 0), ReportPeriod(), NOW)


def lines(*readings: TelemetrySnapshot) -> list[dict[str, Any]]:
    written: list[bytes] = []
    tell = TelemetryLines(written.append, "Mine")
    for n, one in enumerate(readings):
        tell(one, NOW + 60_000 * n)
    assert all(len(line) <= LOG_LINE_BYTES and line.endswith(b"\n") for line in written)
    return [json.loads(line) for line in written]


def test_the_directive_names_each_metric_of_the_line_with_its_unit_and_no_dimension() -> None:
    (line,) = lines(snapshot())
    assert line["_aws"]["Timestamp"] == NOW
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Mine", [[]])
    assert len(directive["Metrics"]) <= 100
    for one in directive["Metrics"]:
        assert one["Unit"] == TELEMETRY_METRICS[one["Name"]].unit
        assert isinstance(line[one["Name"]], int | float)


def test_of_a_counter_its_growth_since_the_line_before_is_told() -> None:
    first, second, third = lines(snapshot(10), snapshot(25), snapshot(25))
    assert "Occurrences" not in first
    assert (second["Occurrences"], third["Occurrences"]) == (15, 0)


def test_the_first_line_tells_how_things_stand_though_nothing_can_have_grown() -> None:
    (line,) = lines(snapshot())
    assert line["Heartbeat"] == 1
    told = {one["Name"] for one in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert all(TELEMETRY_METRICS[name].kind is MetricKind.GAUGE for name in told)


def test_shards_stand_beside_as_properties_the_worst_of_many() -> None:
    (few,) = lines(snapshot())
    by_shard = few["MillisBehindLatestByShard"]
    assert by_shard == {"shardId-000000000001": 100, "shardId-000000000000": 0}
    (many,) = lines(snapshot(shards=2000))
    assert len(many["MillisBehindLatestByShard"]) == 50
    assert many["MillisBehindLatestByShard"]["shardId-000000001999"] == 199_900
    assert many["MillisBehindLatest"] == 199_900


def test_the_line_is_a_log_line_like_the_others() -> None:
    (line,) = lines(snapshot())
    assert list(line)[:3] == ["timestamp", "level", "event"]


def test_fields_are_plain_json() -> None:
    fields = emf_fields(snapshot(), {}, NOW, "Mine")
    assert json.loads(json.dumps(fields)) == fields
