"""A fleet's task reports what its buckets do together, and its router."""

from __future__ import annotations

from collections import Counter
from threading import Thread
from typing import Any

import pytest

from tests.telemetry.progresses import NOW, progress
from worker.metrics.series import Series
from worker.outbox.entries import DeliveryOutcome, Entry
from worker.partition.commit_outputs import Window
from worker.service.hooks import WorkerEvents
from worker.service.ports import HeldBuckets, WorkerStatus
from worker.service.shards import ShardProgress
from worker.state.store import Backlog
from worker.telemetry.collector import TelemetryCollector
from worker.telemetry.emf import emf_fields
from worker.telemetry.fleet import FleetTelemetry
from worker.telemetry.fleet_catalogue import FLEET_METRICS, FLEET_ONLY
from worker.telemetry.liveness import START_WITHIN_S, TURN_WITHIN_S
from worker.telemetry.merged_status import MergedStatus
from worker.telemetry.prometheus import own_families
from worker.telemetry.snapshot import TelemetrySnapshot


def counted(**changed: int) -> dict[str, int]:
    return {**progress().counters, **changed}


def merged(*statuses: WorkerStatus) -> WorkerStatus:
    """The status of buckets that were all taken, each with one commit."""
    whole, status = MergedStatus(16, totals_kept=False), progress()
    for bucket, one in enumerate(statuses):
        whole.take(bucket, [])
        status = whole.add(bucket, one)
    return status


def test_stream_time_is_that_of_the_bucket_that_is_furthest_behind() -> None:
    late, early = progress(stream_time=NOW - 50_000), progress(stream_time=NOW)
    assert merged(late, early).stream_time == NOW - 50_000
    assert merged(early, progress(stream_time=None), late).stream_time is None


def test_what_can_be_summed_up_is_and_the_oldest_request_is_the_oldest_of_all() -> None:
    one = progress(sessions=4, backlog=Backlog(3, 70, 1, NOW - 2000), state_size=5)
    other = progress(sessions=5, backlog=Backlog(1, 30, 0, NOW - 9000), state_size=6)
    whole = merged(one, other, progress(sessions=0, backlog=Backlog(0, 0, 0, None), state_size=0))
    assert (whole.sessions, whole.state_size) == (9, 11)
    assert whole.backlog == Backlog(4, 100, 1, NOW - 9000)
    assert whole.open_sessions == 9


def test_a_shard_is_as_the_bucket_sees_it_that_knows_least() -> None:
    one = progress(shards={"s": ShardProgress(10, NOW, paused=False, answered_s=5.0)})
    other = progress(shards={"s": ShardProgress(900, NOW - 7, paused=True, answered_s=2.0)})
    assert merged(one, other).shards == {"s": ShardProgress(900, NOW - 7, True, 2.0)}
    unheard = progress(shards={"s": ShardProgress(None, None, paused=False)})
    assert merged(one, unheard).shards == {"s": ShardProgress(None, None, False, None)}


def test_counters_are_what_this_task_has_counted_and_never_fall() -> None:
    whole = MergedStatus(16, totals_kept=False)
    whole.take(3, [])
    assert +Counter(whole.add(3, progress(counters=counted(occurrences=1000))).counters) == {}
    whole.add(3, progress(counters=counted(occurrences=1040)))
    whole.take(5, [])
    whole.add(5, progress(counters=counted(occurrences=70)))
    status = whole.add(5, progress(counters=counted(occurrences=75)))
    assert status.counters["occurrences"] == 45
    whole.leave(3)
    assert whole.add(5, progress(counters=counted(occurrences=76))).counters["occurrences"] == 46
    whole.take(3, [])  # back again, after another task had it
    whole.add(3, progress(counters=counted(occurrences=2000)))
    status = whole.add(3, progress(counters=counted(occurrences=2001)))
    assert status.counters["occurrences"] == 47
    assert status.buckets == HeldBuckets((3, 5), 16)


def test_open_sessions_are_those_of_the_buckets_held_whoever_opened_them() -> None:
    whole = MergedStatus(2, totals_kept=False)
    whole.take(0, [])
    whole.take(1, [])
    whole.add(0, progress(counters=counted(sessions_opened=9, sessions_closed=2)))
    assert whole.add(1, progress(counters=counted(sessions_opened=4))).open_sessions == 9
    whole.leave(0)
    assert whole.add(1, progress(counters=counted(sessions_opened=4))).open_sessions == 2


def test_totals_are_of_what_this_task_has_published_and_outlast_a_bucket() -> None:
    series = Series("Turns", ())
    window: Window = {(series, NOW): {1: 3}}
    whole = MergedStatus(2, totals_kept=True)
    whole.take(0, [])
    whole.add(0, progress(window=window))
    whole.leave(0)
    whole.take(1, [])
    totals = whole.add(1, progress(window=window)).totals
    assert totals is not None
    assert totals.series[series].count == 6
    assert MergedStatus(2, totals_kept=False).add(0, progress(window=window)).totals is None


def test_a_series_that_two_buckets_have_admitted_is_one() -> None:
    a, b = Series("Turns", (("Language", "de"),)), Series("Turns", (("Language", "fr"),))
    whole = MergedStatus(2, totals_kept=False)
    whole.take(0, [a])
    whole.take(1, [a])
    assert whole.series == 1
    whole.add(1, progress(admitted=[b]))
    assert whole.series == 2
    whole.leave(1)
    assert whole.series == 1


class Heard:
    """What a listener is told of buckets."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def bucket_taken(self, bucket: int) -> None:
        self.told.append(("taken", bucket))

    def bucket_left(self, bucket: int) -> None:
        self.told.append(("left", bucket))


class Task:
    """A task's telemetry, with clocks moved by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.reports: list[TelemetrySnapshot] = []
        self.heard = Heard()
        self.fleet = FleetTelemetry(4, lambda: self.now_s, self.heard, totals_kept=False)
        self.collector = TelemetryCollector(
            lambda: NOW + int(1000 * self.now_s),
            lambda: 0,
            lambda snapshot, _at: self.reports.append(snapshot),
            self.fleet.values,
        )

    def take(self, bucket: int) -> WorkerEvents:
        self.fleet.bucket_taken(bucket, [])
        return self.fleet.of_bucket(bucket, self.collector)

    def value(self, name: str) -> Any:
        snapshot = self.collector.snapshot()
        assert snapshot is not None
        return snapshot.values.get(name)


@pytest.fixture
def task() -> Task:
    return Task()


def test_a_task_reports_each_minute_also_while_it_holds_nothing(task: Task) -> None:
    for second in range(0, 180, 5):
        task.now_s = second
        task.collector.tick()
    assert [one.values["BucketsHeld"] for one in task.reports] == [0, 0, 0]
    assert {one.values["Heartbeat"] for one in task.reports} == {0}


def test_each_minute_has_one_report_however_many_buckets_commit(task: Task) -> None:
    buckets = [task.take(n) for n in range(3)]
    for second in range(0, 120, 10):
        task.now_s = second
        for one in buckets:
            one.progress(progress())
        task.collector.tick()
    assert len(task.reports) == 2
    assert task.reports[-1].values["BucketsHeld"] == 3
    assert task.reports[-1].values["Heartbeat"] == 1


def test_the_router_and_what_buckets_refuse_are_counted(task: Task) -> None:
    bucket = task.take(0)
    bucket.progress(progress())
    task.fleet.routed(40)
    task.fleet.routed(2)
    task.fleet.routed_twice(5)
    task.fleet.bundle_refused()
    assert task.value("RoutedRecords") == 42
    assert task.value("RoutedTwice") == 5
    assert task.value("BundlesRefused") == 1


def test_the_routers_lag_is_that_of_the_shard_furthest_behind_and_grows_in_silence(
    task: Task,
) -> None:
    task.take(0).progress(progress())
    assert task.value("RouterBehindMillis") is None
    task.fleet.router_behind("s1", 500)
    task.fleet.router_behind("s2", 20)
    assert task.value("RouterBehindMillis") == 500
    task.now_s = 30
    task.fleet.router_behind("s1", 0)
    assert task.value("RouterBehindMillis") == 20
    task.now_s = 85
    assert task.value("RouterBehindMillis") == 85_020
    task.fleet.router_left("s2")
    assert task.value("RouterBehindMillis") == 0


def test_what_happens_in_a_bucket_is_passed_on(task: Task) -> None:
    bucket = task.take(0)
    bucket.progress(progress())
    bucket.sent(Entry(7, "metrics", b"", NOW, 0, 0), DeliveryOutcome.APPLIED, "")
    assert task.value("RequestsApplied") == 1


def test_a_task_is_alive_while_each_of_its_buckets_is(task: Task) -> None:
    one, other = task.take(0), task.take(1)
    task.now_s = START_WITHIN_S
    assert task.fleet.alive()
    one.progress(progress())
    other.progress(progress())
    task.now_s += TURN_WITHIN_S
    task.fleet.turned(0)
    assert task.fleet.alive()
    task.now_s += 1
    assert not task.fleet.alive()
    assert task.fleet.silent_s() == TURN_WITHIN_S + 1
    task.fleet.bucket_left(1)
    assert task.fleet.alive()
    task.now_s += TURN_WITHIN_S
    task.fleet.turned(1)  # comes too late, from a bucket that has gone
    assert not task.fleet.alive()


def test_a_bucket_whose_task_waits_for_aws_is_alive(task: Task) -> None:
    task.take(0).progress(progress())
    for _ in range(4):
        task.now_s += TURN_WITHIN_S
        task.fleet.waiting()
    assert task.fleet.alive()
    task.fleet.bucket_left(0)
    task.fleet.waiting()
    assert not task.fleet.holds_any()


def test_a_task_whose_last_bucket_has_left_lags_behind_nothing(task: Task) -> None:
    task.take(0).progress(progress(stream_time=NOW - 900_000))
    task.fleet.bucket_left(0)
    task.now_s = 3600
    names = ("StreamTimeLag", "CommitAge", "SessionsOpen", "SessionsHeld", "OutboxAge")
    assert [task.value(name) for name in names] == [0] * len(names)


def test_each_bucket_comes_and_goes_once(task: Task) -> None:
    task.take(3)
    task.fleet.bucket_left(3)
    task.fleet.bucket_left(3)
    assert task.heard.told == [("taken", 3), ("left", 3)]


def test_a_task_without_buckets_is_alive(task: Task) -> None:
    task.now_s = 10_000
    assert task.fleet.alive()
    assert not task.fleet.holds_any()


def test_each_metric_of_a_fleet_is_in_its_catalogue_and_goes_both_ways(task: Task) -> None:
    task.take(0).progress(progress())
    task.fleet.router_behind("s", 5)
    snapshot = task.collector.snapshot()
    assert snapshot is not None
    assert set(FLEET_ONLY) <= snapshot.values.keys() <= FLEET_METRICS.keys()
    fields = emf_fields(snapshot, snapshot.values, NOW, "Own", FLEET_METRICS)
    assert set(FLEET_ONLY) <= fields.keys()
    families = {one.name for one in own_families(snapshot, FLEET_METRICS)}
    for name in FLEET_ONLY:
        assert FLEET_METRICS[name].prometheus_name.removesuffix("_total") in families


def test_a_router_without_buckets_has_metrics_too(task: Task) -> None:
    task.fleet.routed(7)
    assert task.value("RoutedRecords") == 7


def test_threads_that_commit_and_ask_at_once_do_not_wait_for_each_other_for_ever(
    task: Task,
) -> None:
    buckets = [task.take(n) for n in range(4)]

    def commit(bucket: WorkerEvents) -> None:
        for _ in range(200):
            bucket.progress(progress())
            task.collector.snapshot()

    threads = [Thread(target=commit, args=(one,), daemon=True) for one in buckets]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert not any(one.is_alive() for one in threads)
