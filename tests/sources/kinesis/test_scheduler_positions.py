"""Where shards begin and continue: starts, restarts, trimming, and what shard syncs find."""

from __future__ import annotations

import pytest

from tests.sources.kinesis.simulation import Simulation
from worker.errors import StreamReplaced
from worker.sources.kinesis.api import DescribeStream, StreamFailure, StreamFailureKind
from worker.sources.kinesis.lineage import StreamDescription
from worker.sources.kinesis.reader_events import BackedOff, FoundAgain
from worker.sources.kinesis.shard_consumer import ShardStage
from worker.testing.strict_kinesis import DAY, ITERATOR_LIFE

MINUTE = 60_000
HOUR = 60 * MINUTE


def test_latest_reads_what_comes_after_the_start_also_after_a_crash_before_the_first_read() -> None:
    simulation = Simulation(2)
    simulation.write(10)
    simulation.now += 5000
    simulation.start = "latest"
    simulation._open()
    positions = dict(simulation.positions)
    later = len(simulation.put)
    simulation.write(10)
    simulation.now += 5 * MINUTE
    simulation.restart(positions)
    simulation.run(5000)
    assert sorted(simulation.all_records()) == sorted(simulation.put[later:])


def test_a_shard_begun_before_a_restart_goes_on_and_an_ended_one_stays_ended() -> None:
    simulation = Simulation(1)
    simulation.write(5)
    simulation.split()
    simulation.write(5)
    simulation.run(5000)
    simulation.commit()
    simulation.restart()
    simulation.write(5)
    simulation.run(5000)
    assert len(simulation.all_records()) == 15
    assert len(simulation.ends()) == 1
    asked = {call.shard for _, call in simulation.calls[-10:]}
    assert "shardId-000000000000" not in asked


@pytest.mark.parametrize("refuses_trimmed", [False, True])
def test_a_position_that_was_trimmed_goes_on_at_the_trim_horizon_with_a_gap(
    refuses_trimmed: bool,
) -> None:
    simulation = Simulation(1, refuses_trimmed=refuses_trimmed)
    simulation.write(5)
    simulation.run(1000)
    simulation.write(5)  # never read
    simulation.now += DAY + 2000
    simulation.write(5)
    simulation.commit()
    simulation.restart()
    simulation.run(5000)
    assert simulation.all_records() == simulation.put[:5] + simulation.put[10:]
    gaps = [batch for batch in simulation.taken if batch.gap]
    assert len(gaps) == 1
    assert simulation.put[10] in gaps[0].records


@pytest.mark.parametrize("refuses_trimmed", [False, True])
def test_a_shard_seen_to_be_empty_has_no_gap_when_its_last_record_is_trimmed(
    refuses_trimmed: bool,
) -> None:
    simulation = Simulation(1, refuses_trimmed=refuses_trimmed, retention=HOUR)
    simulation.write(5)
    simulation.run(2000)
    simulation.run(HOUR)
    simulation.now += ITERATOR_LIFE + MINUTE
    simulation.write(5)
    simulation.run(5000)
    assert simulation.all_records() == simulation.put
    assert not any(batch.gap for batch in simulation.taken)


def test_a_shard_trimmed_away_unread_ends_with_a_gap_and_its_children_begin() -> None:
    simulation = Simulation(1)
    simulation.write(5)
    simulation.split()
    simulation.now += DAY + 1
    simulation.write(5)
    simulation.restart()
    simulation.run(10_000)
    end = simulation.taken[0]
    assert (end.shard, end.ended, end.gap) == ("shardId-000000000000", True, True)
    assert sorted(simulation.all_records()) == sorted(simulation.put[5:])


def test_grandchildren_that_came_while_nobody_read_are_read_with_a_gap() -> None:
    simulation = Simulation(1)
    left, right = simulation.kinesis.split("shardId-000000000000")
    simulation.now += 1000
    simulation.kinesis.split(left)
    simulation.kinesis.split(right)
    simulation.now += DAY + 1
    simulation.write(20)
    simulation.restart()
    simulation.run(10_000)
    assert len(simulation.all_records()) == 20
    assert {batch.shard for batch in simulation.taken if batch.gap} == {
        "shardId-000000000000",
        *simulation.kinesis.open_shards(),
    }


def test_an_ended_shard_expires_once_the_stream_has_trimmed_it() -> None:
    simulation = Simulation(1, retention=HOUR)
    simulation.write(5)
    simulation.split()
    simulation.run(HOUR - MINUTE)
    assert simulation.positions["shardId-000000000000"].kind == "ended"
    assert simulation.expired == []
    simulation.run(2 * MINUTE)
    assert simulation.expired == ["shardId-000000000000"]
    assert sorted(simulation.positions) == sorted(simulation.kinesis.open_shards())


def test_a_listing_that_misses_a_shard_changes_nothing() -> None:
    simulation = Simulation(1)
    simulation.run(1000)
    description = simulation.kinesis.describe()
    assert isinstance(description, StreamDescription)
    simulation.schedule.completed(DescribeStream(), description._replace(shards=()), simulation.now)
    simulation.write(5)
    simulation.run(5000)
    assert simulation.all_records() == simulation.put
    assert simulation.ends() == {}


def test_a_refusal_waits_for_proof_that_the_stream_is_still_the_same() -> None:
    simulation = Simulation(1, refuses_trimmed=True)
    simulation.write(1)
    simulation.run(1000)
    simulation.now += 2 * DAY
    simulation.commit()
    simulation.restart()
    description = simulation.kinesis.describe()
    assert isinstance(description, StreamDescription)
    assert simulation.issue()  # the first shard sync
    simulation.complete()
    assert simulation.issue()  # the iterator, which is refused
    simulation.complete()
    assert [view.stage for view in simulation.schedule.views()] == [ShardStage.UNCERTAIN]
    with pytest.raises(StreamReplaced):
        simulation.schedule.completed(
            DescribeStream(), description._replace(created=description.created + 1), simulation.now
        )


def test_nothing_is_read_before_the_first_shard_sync() -> None:
    simulation = Simulation(2)
    assert simulation.issue()
    assert not simulation.issue()
    assert [call for _, call in simulation.calls] == [DescribeStream()]


def test_failing_shard_syncs_back_off_and_reading_goes_on() -> None:
    simulation = Simulation(1)
    simulation.run(1000)
    gone = StreamFailure(StreamFailureKind.GONE, "injected")
    simulation.faults = lambda operation, shard: gone if operation == "survey" else None
    simulation.write(5)
    simulation.run(10 * MINUTE)
    assert simulation.all_records() == simulation.put
    told = [n for n in simulation.notices if isinstance(n, BackedOff) and n.shard == ""]
    assert 10 * 60 / 15 / 2 < len(told) < 10 * 60 / 15 * 4
    simulation.faults = lambda operation, shard: None
    simulation.run(2 * MINUTE)
    assert [n for n in simulation.notices if isinstance(n, FoundAgain)] == [FoundAgain(len(told))]


def test_a_shard_known_to_be_closed_has_no_clock_even_before_its_last_answer() -> None:
    simulation = Simulation(1)
    simulation.run(MINUTE)
    simulation.kinesis.split("shardId-000000000000")
    simulation.faults = lambda operation, shard: "empty"
    simulation.run(MINUTE)  # by now a shard sync has found the children
    told = len(simulation.taken)
    simulation.run(MINUTE)
    later = simulation.taken[told:]
    assert {batch.shard for batch in later} <= {"shardId-000000000000"}
    assert all(batch.clock is None for batch in later)
