"""The reader's schedule against a stream in memory that is as strict as the service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sources.kinesis.simulation import Simulation
from worker.sources.kinesis.api import (
    DescribeStream,
    GetIterator,
    GetRecords,
    StreamFailure,
    StreamFailureKind,
)
from worker.sources.kinesis.lineage import StreamDescription
from worker.sources.kinesis.reader_events import BackedOff
from worker.sources.kinesis.shard_consumer import ShardStage
from worker.sources.kinesis.shard_sync import SYNC_EVERY
from worker.stream.position import Position
from worker.testing.strict_kinesis import ITERATOR_LIFE, KinesisFault, KinesisOperation

MINUTE = 60_000
HOUR = 60 * MINUTE
STEPS: dict[str, Callable[[Simulation, int], object]] = {
    "write": lambda simulation, n: simulation.write(n % 20 + 1),
    "issue": lambda simulation, n: simulation.issue(),
    "issue another": lambda simulation, n: simulation.issue(),
    "complete": lambda simulation, n: simulation.complete(n),
    "complete another": lambda simulation, n: simulation.complete(n),
    "take": lambda simulation, n: simulation.drain_batches(),
    "run": lambda simulation, n: simulation.run(n * 50),
    "pass": lambda simulation, n: simulation.sleep(n * 20),
    "pass long": lambda simulation, n: simulation.sleep(n * ITERATOR_LIFE // 50),
    "split": lambda simulation, n: simulation.split(),
    "merge": lambda simulation, n: simulation.merge(),
    "fail": lambda simulation, n: simulation.fail(n / 100),
    "pause": lambda simulation, n: simulation.pause(),
    "resume": lambda simulation, n: simulation.resume(),
    "commit": lambda simulation, n: simulation.commit(),
    "restart": lambda simulation, n: simulation.restart(),
}


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=st.lists(st.tuples(st.sampled_from(list(STEPS)), st.integers(0, 100)), max_size=60),
    seed=st.integers(0, 1 << 32),
    shards=st.integers(1, 3),
    names_children=st.booleans(),
    max_bytes=st.sampled_from([1, 1000, 64 << 20]),
)
def test_whatever_happens_each_record_is_handed_over_once_in_order_and_after_its_parents(
    steps: list[tuple[str, int]], seed: int, shards: int, names_children: bool, max_bytes: int
) -> None:
    simulation = Simulation(shards, seed=seed, names_children=names_children, max_bytes=max_bytes)
    for step, number in steps:
        STEPS[step](simulation, number)
    simulation.read_out()

    by_shard: dict[str, list[str]] = {}
    for record in simulation.put:
        by_shard.setdefault(record.shard, []).append(record.sequence_number)
    for shard, expected in by_shard.items():
        assert [r.sequence_number for r in simulation.records(shard)] == expected
    assert len(simulation.all_records()) == len(simulation.put)

    description = simulation.kinesis.describe()
    assert isinstance(description, StreamDescription)
    first, ends = simulation.first_batches(), simulation.ends()
    for info in description.shards:
        assert all(ends[parent] < first[info.shard] for parent in info.parents)
        assert (info.shard in ends) != (info.shard in simulation.kinesis.open_shards())
        if info.shard in ends:
            children = simulation.taken[ends[info.shard]].children
            assert children.keys() == {
                child.shard for child in description.shards if info.shard in child.parents
            }
    assert simulation.kinesis.limits_broken == 0
    assert not any(batch.gap for batch in simulation.taken)


def test_a_shard_at_its_tip_is_read_once_a_second_at_full_flow_and_within_the_limits() -> None:
    simulation = Simulation(2, threads=4)
    for _ in range(200):
        simulation.write(100)
        simulation.run(50, latency=1)
    assert simulation.kinesis.limits_broken == 0
    calls = Counter(call.shard for _, call in simulation.calls if isinstance(call, GetRecords))
    assert all(9 <= n <= 11 for n in calls.values())  # in 10 s


@pytest.mark.parametrize(
    ("written", "size", "full", "wait"),
    [(25_000, 10, 10_000, 500), (25, (1 << 20) - 100, 10, 5000)],
)
def test_a_shard_that_is_behind_is_read_in_answers_as_full_as_the_service_gives_them(
    written: int, size: int, full: int, wait: int
) -> None:
    simulation = Simulation(1)
    simulation.write(written, size)
    simulation.sleep(MINUTE)
    simulation.run(15_000, latency=1)
    records = [len(batch.records) for batch in simulation.taken if batch.records]
    assert records == [full, full, written - 2 * full]
    first, second, third, *_ = (at for at, call in simulation.calls if isinstance(call, GetRecords))
    assert wait * 0.99 <= second - first <= wait + 10
    assert wait * 0.99 <= third - second <= wait + 10


def test_large_answers_slow_a_shard_down_to_two_mebibytes_a_second() -> None:
    simulation = Simulation(1)
    simulation.write(30, size=(1 << 20) - 100)
    begun = simulation.now
    while len(simulation.all_records()) < 30:
        simulation.run(100)
    assert simulation.kinesis.limits_broken == 0
    assert 10_000 <= simulation.now - begun <= 11_000  # the last 10 MiB come without a wait


def test_a_quiet_shard_is_polled_every_two_seconds() -> None:
    simulation = Simulation(1)
    simulation.run(10_000)
    calls = len(simulation.calls)
    simulation.run(2 * SYNC_EVERY)
    assert len(simulation.calls) - calls <= 2 * SYNC_EVERY // 2000 + 2


def test_throttling_is_backed_off_from_without_end_and_reported() -> None:
    simulation = Simulation(1)
    simulation.run(1000)
    simulation.write(1)
    throttle = StreamFailure(StreamFailureKind.THROTTLED, "injected")
    simulation.faults = lambda operation, shard: throttle if operation == "get_records" else None
    simulation.run(60 * MINUTE)
    told = [
        reader_event for reader_event in simulation.notices if isinstance(reader_event, BackedOff)
    ]
    assert [reader_event.attempt for reader_event in told] == list(range(1, len(told) + 1))
    assert all(reader_event.failure is throttle for reader_event in told)
    assert 60 * 60 / 15 < len(told) < 60 * 60 / 15 * 3
    assert simulation.schedule.views()[0].failure is throttle
    simulation.read_out()
    assert len(simulation.all_records()) == 1
    assert simulation.schedule.views()[0].failure is None


def test_one_shards_trouble_leaves_the_others_alone() -> None:
    simulation = Simulation(2)
    troubled, well = simulation.kinesis.open_shards()

    def faults(operation: KinesisOperation, shard: str) -> KinesisFault:
        return (
            StreamFailure(StreamFailureKind.UNAVAILABLE, "injected") if shard == troubled else None
        )

    simulation.faults = faults
    simulation.write(50)
    simulation.run(2000)
    assert simulation.records(well) == [r for r in simulation.put if r.shard == well]
    assert simulation.records(troubled) == []


def test_an_expired_iterator_is_renewed_after_the_last_record_fetched() -> None:
    simulation = Simulation(1)
    simulation.write(5)
    simulation.run(1000)
    simulation.schedule.pause(["shardId-000000000000"])
    simulation.run(ITERATOR_LIFE + MINUTE)
    simulation.write(5)
    simulation.schedule.resume(["shardId-000000000000"])
    simulation.run(2000)
    assert simulation.all_records() == simulation.put
    last = [call for _, call in simulation.calls if isinstance(call, GetIterator)][-1]
    assert last.position.value == simulation.put[4].sequence_number


def test_a_paused_shard_is_not_read_and_the_others_are() -> None:
    simulation = Simulation(2)
    simulation.run(1000)
    paused, other = simulation.kinesis.open_shards()
    simulation.schedule.pause([paused])
    simulation.write(50)
    simulation.run(5000)
    assert simulation.records(paused) == []
    assert simulation.records(other)
    assert [view.paused for view in simulation.schedule.views()] == [True, False]


def test_a_slow_consumer_stops_the_fetching() -> None:
    simulation = Simulation(1, max_bytes=1000)
    simulation.write(50_000, size=100)
    for _ in range(100):
        while simulation.issue():
            pass
        simulation.complete()
        simulation.now += 1000
    (view,) = simulation.schedule.views()
    assert view.undelivered == 1
    assert simulation.schedule.wake_at() is not None  # the next shard sync
    simulation.read_out()
    assert simulation.all_records() == simulation.put


def test_while_shards_are_behind_few_are_read_at_once_and_all_at_their_tips() -> None:
    simulation = Simulation(8, threads=8)
    simulation.issue()
    simulation.complete()

    def at_once() -> int:
        simulation.drain_batches()
        simulation.now += 2000
        while simulation.issue():
            pass
        return sum(isinstance(call, GetRecords) for call, _ in simulation.under_way)

    assert at_once() == 0  # all of them ask for their iterators
    while simulation.under_way:
        simulation.complete()
    assert at_once() == 3
    for _ in range(20):
        while simulation.under_way:
            simulation.complete()
        at_once()
    assert at_once() == 8


def test_a_shard_has_at_most_two_batches_waiting() -> None:
    simulation = Simulation(1)
    for _ in range(100):
        while simulation.issue():
            pass
        simulation.complete()
        simulation.now += 1000
    assert simulation.schedule.views()[0].undelivered == 2


def test_a_shards_end_names_the_first_positions_of_its_children_with_and_without_help() -> None:
    for names_children in (True, False):
        simulation = Simulation(1, names_children=names_children)
        simulation.write(3)
        left, right = simulation.kinesis.split("shardId-000000000000")
        simulation.run(5000)
        end = simulation.taken[simulation.ends()["shardId-000000000000"]]
        start = Position("trim_horizon", "", simulation.put[-1].arrival)
        assert end.children == {left: start, right: start}


def test_children_are_not_asked_for_until_their_parents_end_was_taken() -> None:
    simulation = Simulation(1)
    simulation.split()
    for _ in range(200):
        while simulation.issue():
            pass
        simulation.complete()
        simulation.now += 1000
    assert {call.shard for _, call in simulation.calls} == {"", "shardId-000000000000"}
    simulation.drain_batches()
    simulation.run(1000)
    asked = {call.shard for _, call in simulation.calls}
    assert asked >= {"shardId-000000000001", "shardId-000000000002"}


def test_a_merges_child_waits_for_a_parent_that_no_sync_has_listed_yet() -> None:
    simulation = Simulation(2)
    simulation.run(1000)
    quiet, split = simulation.kinesis.open_shards()
    simulation.schedule.pause([split])
    middle, _ = simulation.kinesis.split(split)
    merged = simulation.kinesis.merge(quiet, middle)
    simulation.write(50)
    simulation.run(5000)  # the quiet one's end names the merged one and its unheard-of parent
    assert quiet in simulation.ends()
    assert merged not in simulation.first_batches()
    simulation.schedule.resume([split])
    simulation.run(10_000)
    assert simulation.ends()[middle] < simulation.first_batches()[merged]
    assert len(simulation.all_records()) == 50


def test_a_sync_begun_before_a_shard_ended_does_not_resolve_its_children() -> None:
    simulation = Simulation(1, names_children=False)
    simulation.run(SYNC_EVERY - 1500)
    while DescribeStream() not in [call for call, _ in simulation.under_way]:
        simulation.now += 10
        simulation.issue()
    simulation.split()
    while simulation.schedule.views()[0].stage is not ShardStage.ENDING:
        simulation.now += 10
        simulation.issue()
        calls = [call for call, _ in simulation.under_way]
        if len(calls) == 2:
            simulation.complete(1 - calls.index(DescribeStream()))
            simulation.drain_batches()
    simulation.complete()
    assert simulation.schedule.views()[0].stage is ShardStage.ENDING
    simulation.run(5000)
    end = simulation.taken[simulation.ends()["shardId-000000000000"]]
    assert end.children.keys() == {"shardId-000000000001", "shardId-000000000002"}


def test_a_closed_shards_last_answer_gives_no_clock() -> None:
    simulation = Simulation(1)
    simulation.run(MINUTE)
    simulation.kinesis.split("shardId-000000000000")
    simulation.run(MINUTE)
    end = simulation.taken[simulation.ends()["shardId-000000000000"]]
    assert end.clock is None
    clocks = [batch.clock for batch in simulation.taken if batch.shard != end.shard]
    assert all(clock is not None for clock in clocks)


def test_the_clock_of_an_empty_tip_is_the_servers_date() -> None:
    simulation = Simulation(1)
    simulation.run(10_400)
    last = simulation.taken[-1]
    assert last.clock is not None
    assert last.clock % 1000 == 0
    assert simulation.now - 4000 < last.clock <= simulation.now
    assert last.position.seen_to == last.clock
    simulation.write(1)
    simulation.run(3000)
    (batch,) = [batch for batch in simulation.taken if batch.records]
    assert batch.clock is None


def test_an_answer_empty_on_the_way_to_the_tip_gives_no_clock() -> None:
    simulation = Simulation(1)
    simulation.write(1)
    simulation.faults = lambda operation, shard: "empty"
    simulation.run(5000)
    assert all(batch.clock is None and batch.millis_behind > 0 for batch in simulation.taken)
