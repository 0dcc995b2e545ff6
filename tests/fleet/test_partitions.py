"""The stateful side of a fleet: what a leased keyed shard's buckets have, whoever has them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.fleet.routed import LAYOUT, SHARD
from tests.fleet.served import (
    HALF,
    HOUR,
    KEYED,
    Keyed,
    Lease,
    Task,
    accounted,
    routed,
    states,
    summed,
    traffic,
    undisturbed,
)
from tests.scenes import BASE
from worker.errors import Fenced, StreamReplaced
from worker.fleet.bundles import (
    decode_bundle,
)
from worker.fleet.keyed_processor import KeyedProcessor
from worker.fleet.processor import Checkpointed, LeasedRecord
from worker.state.sqlite.store import SqliteStore
from worker.stream.position import CARRIER


def test_all_buckets_together_have_each_record_once(tmp_path: Path) -> None:
    task, lease, keyed = Task(tmp_path), Lease(), routed()
    processor = task.begun()
    processor.process(keyed.records, 0, lease)
    task.commit(processor, lease)
    assert accounted(tmp_path) == undisturbed()
    assert len([one for one in states(tmp_path) if one.counters.get("folded")]) > 1
    assert lease.checkpoints[-1] == keyed.records[-1].record.sequence_number


def test_the_store_decides_what_is_new_and_never_the_checkpoint(tmp_path: Path) -> None:
    """Delivered again from the beginning, with or without a restart: nothing changes."""
    task, lease, keyed = Task(tmp_path), Lease(), routed()
    processor = task.begun()
    for _ in range(2):
        processor.process(keyed.records, 0, lease)
    task.commit(processor, lease)
    again = Task(tmp_path)
    processor = again.begun(after=None)
    processor.process(keyed.records, 0, lease)
    again.commit(processor, lease)
    assert accounted(tmp_path) == undisturbed()
    assert (task.observer.twice, again.observer.twice) == (0, 0)


def test_what_a_router_puts_again_is_dropped_and_counted(tmp_path: Path) -> None:
    task, lease, keyed, records = Task(tmp_path), Lease(), Keyed(), traffic()
    keyed.route(records[:HALF])
    keyed.restart(records[9].sequence_number)
    keyed.route(records[10:])
    processor = task.begun()
    processor.process(keyed.records, 0, lease)
    task.commit(processor, lease)
    assert accounted(tmp_path) == undisturbed()
    assert task.observer.twice == HALF - 10


def test_only_what_all_buckets_have_committed_is_checkpointed(tmp_path: Path) -> None:
    task, lease, keyed = Task(tmp_path), Lease(), routed()
    task.now_s = -1.0
    processor = task.begun()
    task.now_s = 0.0
    processor.process(keyed.records[:5], 0, lease)
    assert lease.checkpoints == []
    processor.process(keyed.records[5:7], 0, lease)
    task.commit(processor, lease)
    assert lease.checkpoints == [keyed.records[6].record.sequence_number]
    for one in states(tmp_path):
        assert one.positions[CARRIER + KEYED].value == keyed.records[6].record.sequence_number


def test_stream_time_is_the_sources_and_no_keyed_shard_holds_it_back(tmp_path: Path) -> None:
    task, lease, keyed = Task(tmp_path), Lease(), routed()
    keyed.tip(BASE + 24 * HOUR)
    processor = task.begun()
    processor.process(keyed.records, 0, lease)
    task.commit(processor, lease)
    assert {one.stream_time for one in states(tmp_path)} == {BASE + 24 * HOUR}
    assert all(one.clocks.keys() == {SHARD} for one in states(tmp_path))
    assert summed(tmp_path)["sessions_closed"] == summed(tmp_path)["sessions_opened"]


def test_a_shard_that_had_ended_before_the_fleets_start_holds_no_time_back(tmp_path: Path) -> None:
    """No engine leases it, so nothing is ever said of it."""
    task, lease, keyed = Task(tmp_path, parent="ended before"), Lease(), routed()
    keyed.tip(BASE + 24 * HOUR)
    processor = task.begun()
    task.commit(processor, lease)
    processor = Task(tmp_path, parent="ended before").begun()
    processor.process(keyed.records, 0, lease)
    processor.lease_lost()
    assert {one.stream_time for one in states(tmp_path)} == {BASE + 24 * HOUR}
    assert all(one.positions["ended before"].ended for one in states(tmp_path))


def test_a_shard_that_comes_to_a_stopping_process_is_left_to_others(tmp_path: Path) -> None:
    owner, stopping = Task(tmp_path).begun(), Task(tmp_path)
    stopping.host.stop(0.0)
    late = stopping.begun()
    late.process(routed().records, 0, Lease())
    assert (late.buckets, stopping.observer.taken, stopping.host.processors) == ((), {}, [])
    assert owner.buckets
    owner.process(routed().records, 0, Lease())  # nobody has taken its buckets


# --- who owns a bucket


def test_whoever_is_fenced_and_has_no_lease_drops_the_shard_in_peace(tmp_path: Path) -> None:
    old, new, lease, keyed = Task(tmp_path), Task(tmp_path), Lease(), routed()
    processor = old.begun(after="1")
    processor.process(keyed.records[:9], 0, lease)
    new.begun()
    lease.answer = Checkpointed.LEASE_GONE
    old.commit(processor, lease)
    assert processor.buckets == ()
    assert old.observer.taken == {}
    assert old.host.processors == []
    for _ in range(2):
        processor.process(keyed.records[9:], 0, lease)
        processor.lease_lost()
    assert summed(tmp_path)["folded"] == 0


def test_whoever_is_fenced_though_it_has_the_lease_ends(tmp_path: Path) -> None:
    task, lease, keyed = Task(tmp_path), Lease(), routed()
    processor = task.begun()
    processor.process(keyed.records[:9], 0, lease)
    task.commit(processor, lease)
    late = Task(tmp_path).begun()
    processor.process(keyed.records[9:], 0, lease)
    with pytest.raises(Fenced):
        task.commit(processor, lease)
    assert processor.buckets == ()
    assert set(lease.checkpoints) == {keyed.records[8].record.sequence_number}
    # as it would be restarted: the records come again from the checkpoint, the late one learns it
    again = Task(tmp_path)
    processor = again.begun(after=keyed.records[8].record.sequence_number)
    processor.process(keyed.records[9:], 0, lease)
    again.commit(processor, lease)
    lost = Lease(Checkpointed.LEASE_GONE)
    late.process(keyed.records, 0, lost)
    late.lease_lost()
    assert accounted(tmp_path) == undisturbed()


class Stolen(SqliteStore):
    """Is acquired by another process as soon as it has been acquired."""

    def acquire(self, stream: str) -> object:  # type: ignore[override]
        restored = super().acquire(stream)
        with closing(SqliteStore(self._path)) as other:
            other.acquire(stream)
        return restored


@pytest.mark.parametrize("answer", Checkpointed)
def test_a_bucket_that_is_stolen_while_it_is_initialized_is_found_out(
    tmp_path: Path, answer: Checkpointed
) -> None:
    task, lease, keyed = Task(tmp_path, store=Stolen), Lease(), routed()
    processor = task.begun(after="1")
    assert processor.buckets == ()
    lease.answer = answer
    if answer is Checkpointed.DEFERRED:  # nobody knows yet who holds the lease
        processor.process(keyed.records, 0, lease)
        lease.answer = Checkpointed.MADE
    if lease.answer is Checkpointed.MADE:
        with pytest.raises(Fenced):
            processor.process(keyed.records, 0, lease)
    else:
        processor.process(keyed.records, 0, lease)
    processor.process(keyed.records, 0, lease)
    assert lease.checkpoints == ["1"] * (answer is not Checkpointed.LEASE_GONE)


def test_a_state_of_another_fleet_is_refused(tmp_path: Path) -> None:
    Task(tmp_path).begun()
    path = Path(LAYOUT.location(str(tmp_path), 0))
    with closing(SqliteStore(path)) as store, pytest.raises(StreamReplaced):
        store.acquire(LAYOUT.identity(1))


# --- how a processor ends


def leave(processor: KeyedProcessor, task: Task, lease: Lease) -> None:
    processor.lease_lost()


def shut_down(processor: KeyedProcessor, task: Task, lease: Lease) -> None:
    processor.shutdown_requested(lease)
    assert lease.checkpoints[-1] == "100000000000000000011"


def stop(processor: KeyedProcessor, task: Task, lease: Lease) -> None:
    task.host.stop(task.now_s)
    processor.process(routed().records, 0, lease)
    assert lease.checkpoints[-1] == "100000000000000000011"


@pytest.mark.parametrize("end", [leave, shut_down, stop])
def test_what_was_taken_in_is_committed_at_the_end(tmp_path: Path, end: object) -> None:
    task, lease, keyed = Task(tmp_path), Lease(), routed()
    processor = task.begun()
    processor.process(keyed.records[:12], 0, lease)
    assert callable(end)
    end(processor, task, lease)
    assert {one.positions[CARRIER + KEYED].value for one in states(tmp_path)} == {
        keyed.records[11].record.sequence_number
    }
    assert (task.observer.taken, task.host.processors) == ({}, [])
    again = Task(tmp_path)
    processor = again.begun()
    processor.process(keyed.records, 0, lease)
    again.commit(processor, lease)
    assert accounted(tmp_path) == undisturbed()


def test_a_checkpoint_that_is_deferred_is_made_with_the_next_one(tmp_path: Path) -> None:
    task, lease, keyed = Task(tmp_path), Lease(Checkpointed.DEFERRED), routed()
    processor = task.begun()
    processor.process(keyed.records[:9], 0, lease)
    task.commit(processor, lease)
    lease.answer = Checkpointed.MADE
    processor.process(keyed.records[9:], 0, lease)
    assert lease.checkpoints == [keyed.records[8].record.sequence_number]
    task.commit(processor, lease)
    assert accounted(tmp_path) == undisturbed()


def test_a_lost_lease_checkpoints_nothing(tmp_path: Path) -> None:
    task, lease, keyed = Task(tmp_path), Lease(), routed()
    processor = task.begun()
    processor.process(keyed.records, 0, lease)
    processor.lease_lost()
    processor.process(keyed.records, 0, lease)
    processor.shard_ended(lease)
    processor.shutdown_requested(lease)
    assert lease.checkpoints == []


def test_a_shards_end_is_committed_before_it_is_checkpointed(tmp_path: Path) -> None:
    task, keyed = Task(tmp_path), routed()
    seen: list[set[str]] = []

    class Looking(Lease):
        def __call__(self, sequence: str | None = None) -> Checkpointed:
            seen.append({one.positions[CARRIER + KEYED].kind for one in states(tmp_path)})
            return super().__call__(sequence)

    lease = Looking()
    processor = task.begun()
    processor.process(keyed.records, 0, lease)
    processor.shard_ended(lease)
    assert lease.checkpoints == [None]
    assert seen == [{"carrier_ended"}]
    # given to somebody once more, the parent has nothing new
    again = Task(tmp_path)
    processor = again.begun()
    processor.process(keyed.records, 0, lease)
    processor.shard_ended(lease)
    assert accounted(tmp_path) == undisturbed()
    assert again.observer.twice == 0


def test_a_shards_end_is_not_checkpointed_by_whoever_was_fenced(tmp_path: Path) -> None:
    task, lease, keyed = Task(tmp_path), Lease(), routed()
    processor = task.begun(after="1")
    processor.process(keyed.records, 0, lease)
    Task(tmp_path).begun()
    lease.answer = Checkpointed.LEASE_GONE
    processor.shard_ended(lease)
    assert lease.checkpoints == []
    assert {one.positions.get(CARRIER + KEYED) for one in states(tmp_path)} == {None}


def test_buckets_go_on_where_the_parents_owner_left_them(tmp_path: Path) -> None:
    """A keyed shard is split: each child's owner has its half of the buckets, and all of theirs."""
    task, lease, keyed, records = Task(tmp_path), Lease(), Keyed(), traffic()
    keyed.route(records[:HALF])
    processor = task.begun()
    processor.process(keyed.records, 0, lease)
    processor.shard_ended(lease)
    parents = len(keyed.records)
    keyed.route(records[HALF:])
    middle = 1 << 127
    for first, last in ((0, middle - 1), (middle, 2 * middle - 1)):
        child, mine = Task(tmp_path, hash_keys=(first, last)), LAYOUT.buckets_between(first, last)
        processor = child.host.processor()
        processor.initialize(f"shardId-{first}", None)
        assert [one.number for one in processor.buckets] == mine
        carried = [one for one in keyed.records[parents:] if bucket_of(one) in mine]
        processor.process(carried, 0, lease)
        processor.lease_lost()
    assert accounted(tmp_path) == undisturbed()


def bucket_of(one: LeasedRecord) -> int:
    return decode_bundle(one.record.data).bucket
