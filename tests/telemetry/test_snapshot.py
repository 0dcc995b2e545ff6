"""The values of the worker's metrics about itself."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.telemetry.progresses import NOW, progress
from worker.metrics.catalogue import Hold
from worker.metrics.series import Series
from worker.partition.accounting import ACCOUNTED
from worker.partition.commit_outputs import Waits
from worker.partition.partition import Partition
from worker.service.ports import WorkerStatus
from worker.service.shards import ShardProgress
from worker.telemetry.catalogue import TELEMETRY_METRICS
from worker.telemetry.snapshot import EventCounts, ReportPeriod, TelemetrySnapshot, snapshot_of

TOLD = EventCounts(NOW, {"RequestsApplied": 6}, 3)


def read(told_of: WorkerStatus, told: EventCounts = TOLD) -> TelemetrySnapshot:
    period = ReportPeriod()
    period.add(told_of)
    return snapshot_of(told_of, told, period, NOW)


def test_every_value_is_of_the_catalogue_and_nothing_of_the_catalogue_is_missing() -> None:
    delays = {(Series("DeliveryDelay", ()), NOW): {700: 1}}
    waits: Waits = Counter({(Hold.DIRECT, "complete", 30): 1, (Hold.TURN, "quiet", 210): 1})
    values = read(progress(window=delays, waits=waits)).values
    assert values.keys() == TELEMETRY_METRICS.keys()


def test_values_are_in_the_catalogues_units() -> None:
    values = read(progress()).values
    assert values["CommitTime"] == 250
    assert values["StreamTimeLag"] == 9000
    assert values["OutboxAge"] == 2000
    assert values["SessionsCrossShard"] == 25
    assert values["Backpressure"] == 25
    assert values["SessionsOpen"] == 3
    assert values["RequestsApplied"] == 6
    assert values["RequestsAmbiguous"] == 0
    assert values["LogLinesDropped"] == 3


def test_of_a_metric_with_a_label_the_greatest_value_stands_for_all() -> None:
    snapshot = read(progress())
    assert snapshot.by_label["MillisBehindLatest"] == {"shard-0": 1500, "shard-1": 0}
    assert snapshot.values["MillisBehindLatest"] == 1500


def test_the_shard_that_holds_stream_time_back_is_named_with_how_far_it_is_behind() -> None:
    assert read(progress()).by_label["StreamTimeHeldBack"] == {"shard-0": 4000}


def test_a_shard_never_read_holds_stream_time_where_it_is() -> None:
    shards = {**progress().shards, "shard-2": ShardProgress(None, None, paused=False)}
    snapshot = read(progress(shards=shards))
    assert snapshot.by_label["StreamTimeHeldBack"] == {"shard-2": 4000}
    assert "shard-2" not in snapshot.by_label["MillisBehindLatest"]


def test_what_is_not_known_is_left_out() -> None:
    unread = {"shard-0": ShardProgress(None, None, paused=False)}
    snapshot = read(progress(stream_time=None, shards=unread, sessions=0), EventCounts(NOW, {}, 0))
    missing = {"MillisBehindLatest", "StreamTimeLag", "StreamTimeHeldBack", "SessionsCrossShard"}
    assert TELEMETRY_METRICS.keys() - snapshot.values.keys() == missing | {
        "DeliveryDelayP50",
        "DeliveryDelayP95",
        "DeliveryDelayP99",
        "DirectWaitP50",
        "DirectWaitP95",
        "TurnWaitP50",
        "TurnWaitP95",
    }


def test_waits_are_told_by_reason_and_in_all_without_what_came_late() -> None:
    waits: Waits = Counter(
        {
            (Hold.TURN, "complete", 30_000): 2,
            (Hold.TURN, "given_up", 300_000): 1,
            (Hold.TURN, "late", 900_000): 9,
        }
    )
    snapshot = read(progress(waits=waits))
    assert snapshot.values["TurnWaitP50"] == 30_000
    assert snapshot.values["TurnWaitP95"] == 300_000
    assert snapshot.by_label["TurnWaitP50"] == {
        "complete": 30_000,
        "given_up": 300_000,
        "late": 900_000,
    }
    assert snapshot.by_label["DirectWaitP50"] == {}


@pytest.mark.parametrize("counter", ["occurrences", "events", "duplicates", "dead_letters"])
def test_an_occurrence_that_no_outcome_accounts_for_shows(counter: str) -> None:
    counters = progress().counters
    assert read(progress()).values["Unaccounted"] == 0
    wrong = progress(counters={**counters, counter: counters[counter] + 1})
    assert read(wrong).values["Unaccounted"] >= 1


def test_a_period_has_its_longest_commit_and_all_its_delays() -> None:
    period = ReportPeriod()
    for commit_s, delay in ((0.1, 900), (0.4, 100), (0.2, 500)):
        window = {
            (Series("DeliveryDelay", ()), NOW): {delay: 1},
            (Series("SttLatency", ()), NOW): {7: 1},
        }
        period.add(progress(commit_s=commit_s, window=window))
    values = snapshot_of(progress(), TOLD, period, NOW).values
    assert values["CommitTime"] == 400
    assert (values["DeliveryDelayP50"], values["DeliveryDelayP99"]) == (500, 900)


def test_every_counter_of_the_partition_is_a_metric() -> None:
    source = Path(inspect.getfile(Partition)).read_text(encoding="utf-8")
    counted = set(re.findall(r'counters\["(\w+)"\]', source)) | {*ACCOUNTED, "input_gaps"}
    counters = dict.fromkeys(counted, 1)
    values = read(progress(counters=counters)).values
    ones = {name for name in TELEMETRY_METRICS if values.get(name) == 1}
    assert {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in ones} >= counted
