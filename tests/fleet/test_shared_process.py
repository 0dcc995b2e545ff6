"""What many buckets in one process share: outboxes' limits, threads, time."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.fleet.routed import LAYOUT
from tests.fleet.served import (
    HALF,
    HOUR,
    Keyed,
    Lease,
    Lines,
    Task,
    accounted,
    routed,
    traffic,
    undisturbed,
)
from tests.outbox.outboxes import FORMATS
from tests.scenes import BASE
from worker.outbox.sender import LanePools
from worker.stream.position import Position


def test_reading_waits_while_an_outbox_is_too_full_and_goes_on_when_it_has_room(
    tmp_path: Path,
) -> None:
    sinks = {kind: Lines() for kind in FORMATS}
    rests: list[float] = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 3:
            sinks["records"].away = sinks["metrics"].away = False
            task.send(processor)

    task = Task(tmp_path, outbox_bytes=8_000, sinks={**sinks}, rest=rest)
    lease, keyed = Lease(), routed()
    sinks["records"].away = sinks["metrics"].away = True
    keyed.tip(BASE + 24 * HOUR)
    processor = task.begun()
    processor.process(keyed.records, 0, lease)
    task.now_s += 5.0
    processor.process([], 0, lease)
    assert rests == []
    processor.process([], 0, lease)
    assert len(rests) == 3
    assert sinks["records"].data


def test_a_stop_ends_the_wait_for_an_outbox(tmp_path: Path) -> None:
    rests: list[float] = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        task.host.stop(task.now_s)

    sinks = {kind: Lines() for kind in FORMATS}
    sinks["records"].away = True
    task = Task(tmp_path, outbox_bytes=8_000, sinks={**sinks}, rest=rest)
    lease, keyed = Lease(), routed()
    keyed.tip(BASE + 24 * HOUR)
    processor = task.begun()
    processor.process(keyed.records, 0, lease)
    task.commit(processor, lease)
    processor.process(keyed.records, 0, lease)
    assert len(rests) == 1


def test_the_buckets_of_a_process_share_a_few_threads(tmp_path: Path) -> None:
    before = {one.ident for one in threading.enumerate()}
    task = Task(tmp_path, pools=LanePools(2), threads=8)
    lease, keyed = Lease(), routed()
    keyed.tip(BASE + 24 * HOUR)
    processor = task.begun()
    processor.process(keyed.records, 0, lease)
    task.commit(processor, lease)
    running = [one for one in threading.enumerate() if one.ident not in before]
    assert 0 < len(running) <= 2 * len(FORMATS)
    assert task.sinks
    processor.lease_lost()


def test_time_alone_makes_a_commit(tmp_path: Path) -> None:
    task, lease, keyed = Task(tmp_path), Lease(), routed()
    processor = task.begun()
    processor.process(keyed.records, 0, lease)
    task.now_s += 5.0
    processor.tick()
    assert accounted(tmp_path) == undisturbed()
    processor.process([], None, lease)
    assert lease.checkpoints == [keyed.records[-1].record.sequence_number]


def test_limits_are_divided_among_the_buckets(tmp_path: Path) -> None:
    task = Task(tmp_path)
    parts = task.host.parts.buckets
    shared = parts.shared
    one = parts.of(3)
    assert shared.rules.max_held is not None
    assert one.rules.max_held == shared.rules.max_held // LAYOUT.buckets
    assert one.limits.outbox_bytes == shared.limits.outbox_bytes // LAYOUT.buckets


def test_no_source_shard_is_said_to_pause_however_far_it_is_ahead(tmp_path: Path) -> None:
    """What is in the keyed stream comes, so nothing could pause it."""
    task, lease, keyed, other = Task(tmp_path), Lease(), Keyed(), "shardId-000000000001"
    keyed.route(traffic()[:HALF])
    processor = task.begun()
    processor.process(keyed.records, 0, lease)
    for bucket in processor.buckets:
        bucket.service.partition.move(other, Position("after", "1", BASE + 100 * HOUR))
    task.commit(processor, lease)
    for status in task.observer.statuses.values():
        assert status.shards[other].clock == BASE + 100 * HOUR
        assert not status.shards[other].paused
