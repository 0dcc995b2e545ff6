"""The whole worker with its state in LocalStack's S3, and what its CloudWatch then holds."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from tests.integration.localstack import LocalStack
from tests.live import Aws, Dimensions, but_for_the_close, calls, last_revisions, replayed
from tests.processes import LONGEST_S
from tests.s3_live import Kept, working_in
from worker.destinations.objects import DEAD_LETTERS, RECORDS
from worker.partition.accounting import ACCOUNTED
from worker.testing.traffic import simulated_records

pytestmark = pytest.mark.slow

SESSIONS: Final = 6
MINUTE: Final = timedelta(minutes=1)

Series = tuple[str, Dimensions, datetime]
"""Name, dimensions, minute."""


def test_of_workers_that_fight_for_a_state_the_last_goes_on_and_all_is_counted_once(
    localstack: LocalStack, tmp_path: Path
) -> None:
    aws = Aws(localstack.endpoint, "fought-for", shards=2)
    # with versions LocalStack lets several writers win one condition
    kept = Kept(aws, "fought-for", versioned=False)
    aws.feed(simulated_records(calls(SESSIONS), 41))
    offline = replayed(aws.put, tmp_path)
    with working_in(kept, aws, tmp_path / "first", namespace="Fought") as first:
        first.wait_for(lambda: first.begun, "the first's begin")
        with working_in(kept, aws, tmp_path / "second", namespace="Fought") as second:
            assert first.process.wait(LONGEST_S) == 3
            assert "another worker has taken" in first.log_lines[-1]["error"]
            second.wait_for(lambda: second.begun, "the second's begin")
            with working_in(kept, aws, tmp_path / "third", namespace="Fought") as third:
                assert second.process.wait(LONGEST_S) == 3
                third.wait_for_sessions(SESSIONS)
                assert third.end() == 0
                counters = third.state.counters
    assert {name: counters.get(name, 0) for name in ACCOUNTED} == {
        name: offline.counters[name] for name in ACCOUNTED
    }
    records = last_revisions(kept.lines(RECORDS))
    assert but_for_the_close(records) == but_for_the_close(offline.records)
    assert len(kept.lines(DEAD_LETTERS).splitlines()) == offline.counters["dead_letters"] > 0
    manifest = kept.found()
    assert manifest is not None
    assert manifest.epoch == 3
    expected = written(tmp_path / "m")
    found = held(aws, "Fought", expected)
    unknown = at_risk(kept)
    for series, (samples, total) in expected.items():
        more = found[series][0] - samples
        assert 0 <= more <= unknown[series], series
        if not more and series[0] != "DeliveryDelay":  # which is made of arrivals
            assert math.isclose(found[series][1], total), series


def written(file: Path) -> dict[Series, tuple[int, float]]:
    """Samples of each series' minute, and their sum, that a replay has written."""
    found: dict[Series, tuple[int, float]] = {}
    for line in file.read_text().splitlines():
        datum = json.loads(line)
        dimensions = tuple((one["Name"], one["Value"]) for one in datum["Dimensions"])
        series = (datum["MetricName"], dimensions, datetime.fromisoformat(datum["Timestamp"]))
        pairs = list(zip(datum["Values"], datum["Counts"], strict=True))
        before = found.get(series, (0, 0.0))
        found[series] = (
            before[0] + sum(count for _, count in pairs),
            math.fsum((before[1], *(value * count for value, count in pairs))),
        )
    return found


def held(
    aws: Aws, namespace: str, expected: dict[Series, tuple[int, float]]
) -> dict[Series, tuple[int, float]]:
    """The same, read back. LocalStack's periods begin where the time asked for does."""
    minutes = [minute for _, _, minute in expected]
    cloudwatch = aws.client("cloudwatch")
    found = {}
    for name, dimensions in {(name, dimensions) for name, dimensions, _ in expected}:
        answer = cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions],
            StartTime=min(minutes),
            EndTime=max(minutes) + MINUTE,
            Period=60,
            Statistics=["SampleCount", "Sum"],
        )
        for point in answer["Datapoints"]:
            series = (name, dimensions, point["Timestamp"].astimezone(UTC))
            found[series] = (int(point["SampleCount"]), point["Sum"])
    return found


def at_risk(kept: Kept) -> Counter[Series]:
    """By how many samples each series' minute may be too many, by the worker's own ledger."""
    found: Counter[Series] = Counter()
    for note in kept.notes():
        for series, minute, count in note.counts:
            at = datetime.fromtimestamp(minute / 1000, UTC)
            found[series.metric, series.dimensions, at] += count * (note.max_count - note.min_count)
    return found
