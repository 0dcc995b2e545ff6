"""A router checkpoints only what all buckets know, and moves time where nothing arrives."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest

from tests.fleet.keyed import LAYOUT, Keyed, Waits, producer
from tests.fleet.served import Lease
from tests.processes import LONGEST_S
from worker.errors import Misconfigured, VoiceInsightsError
from worker.fleet.bundles import Bundle, Mark, SourceProgress
from worker.fleet.processor import Checkpointed, LeasedRecord
from worker.fleet.router import Router, RouterHost, RouterParts
from worker.producer.put_records import PutRecordsAnswer
from worker.service.hooks import WorkerEvents
from worker.sources.kinesis.api import RecordsAnswer, StreamFailure
from worker.sources.kinesis.reader import describe_stream
from worker.stream.record import Record
from worker.testing.strict_kinesis import StrictKinesis

SHARD = "shardId-000000000000"
NOW = 1_780_000_000_000


class Seen(WorkerEvents):
    """Counts what is routed."""

    def __init__(self) -> None:
        self.records = 0
        self.behind: list[tuple[str, int]] = []

    def routed(self, records: int) -> None:
        self.records += records

    def router_behind(self, shard: str, ms: int) -> None:
        self.behind.append((shard, ms))


class Scene:
    """A source with one shard, a host of routers, and a clock in seconds."""

    def __init__(self, keyed: Keyed | None = None, waits: Waits | None = None) -> None:
        self.now = 0.0
        self.keyed = keyed or Keyed()
        self.events = Seen()
        self.source = StrictKinesis(lambda: NOW + int(self.now * 1000), shards=1)
        self.parts = RouterParts(
            LAYOUT,
            self.source,
            lambda: describe_stream(self.source, self.sleep),
            producer(self.keyed, waits),
            self.events,
            lambda: NOW + int(self.now * 1000),
            lambda: self.now,
            self.sleep,
        )
        self.failed: list[BaseException] = []
        self.failing = Event()
        self.host = RouterHost(self.parts, self.fail)

    def fail(self, error: BaseException) -> None:
        self.failed.append(error)
        self.failing.set()

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def router(self, after: str | None = None) -> Router:
        router = self.host.processor()
        router.initialize(SHARD, after)
        return router

    def put(self, count: int = 3) -> list[LeasedRecord]:
        return [
            LeasedRecord(self.source.put(f"not a session's {number}".encode(), str(number)))
            for number in range(count)
        ]

    def told(self, bucket: int) -> list[SourceProgress]:
        """What a bucket has been told of the shard, in order."""
        found = []
        for one in self.keyed.bundles():
            if one.bucket == bucket:
                found += [one.progress] if isinstance(one, Bundle) else one.progress
        return found


def test_nothing_is_checkpointed_before_all_buckets_know() -> None:
    scene = Scene()
    router, lease = scene.router(), Lease()
    first = scene.put(1)
    router.process(first, 0, lease)
    assert lease.checkpoints == []  # one bucket has the record, the others know nothing of it
    scene.host.put_marks()
    router.process(scene.put(1), 0, lease)
    assert lease.checkpoints == [first[0].record.sequence_number]


def test_every_bucket_is_told_of_every_stretch_without_a_hole() -> None:
    scene = Scene()
    router = scene.router()
    for _ in range(5):
        router.process(scene.put(2), 0, Lease())
        scene.host.put_marks()
    for bucket in range(LAYOUT.buckets):
        told = scene.told(bucket)
        assert [one.after for one in told] == ["", *(one.through for one in told[:-1])]
        assert told[-1].through == router.routing.through
    items = [len(one.items) for one in scene.keyed.bundles() if isinstance(one, Bundle)]
    assert sum(items) == scene.events.records == 10


def test_a_batch_that_is_not_put_is_not_checkpointed_and_nothing_follows_it() -> None:
    scene = Scene(Keyed(*["InternalFailure"] * 99), Waits(1))
    router, lease = scene.router(), Lease()
    router.process(scene.put(), 0, lease)
    assert (scene.keyed.taken, lease.checkpoints, scene.events.records) == ([], [], 0)


def test_a_run_begins_after_the_checkpoint() -> None:
    scene = Scene()
    records = scene.put(2)
    router = scene.router(records[0].record.sequence_number)
    router.process(records[1:], 0, Lease())
    bundle = next(one for one in scene.keyed.bundles() if isinstance(one, Bundle))
    assert bundle.progress.after == records[0].record.sequence_number


def test_the_probe_moves_time_where_nothing_arrives() -> None:
    scene = Scene()
    router = scene.router()
    router.process(scene.put(1), 0, Lease())
    scene.now += 60
    scene.host.probe()
    scene.host.put_marks()
    clocks = [scene.told(bucket)[-1].clock for bucket in range(LAYOUT.buckets)]
    assert clocks == [NOW + 60_000] * LAYOUT.buckets


class SeemsOpen:
    """Answers at the end of a closed shard as if it were the tip of an open one."""

    def __init__(self, source: StrictKinesis) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def get_records(self, shard: str, iterator: str) -> RecordsAnswer | StreamFailure:
        answer = self._source.get_records(shard, iterator)
        if isinstance(answer, RecordsAnswer) and answer.next_iterator is None:
            return answer._replace(next_iterator=iterator, children=())
        return answer


def test_the_probe_does_not_move_the_time_of_a_closed_shard() -> None:
    scene = Scene()
    scene.host = RouterHost(scene.parts._replace(source=SeemsOpen(scene.source)), scene.fail)
    router = scene.router()
    router.process(scene.put(1), 0, Lease())
    scene.source.split(SHARD)
    before = router.routing.clock
    scene.now += 60
    scene.host.probe()
    assert router.routing.clock == before


def test_the_probe_of_a_shard_that_is_silent_for_longer_than_records_are_kept() -> None:
    scene = Scene()
    router = scene.router()
    router.process(scene.put(1), 0, Lease())
    for _ in range(2):
        scene.now += scene.parts.describe().retention / 1000 + 60
        scene.host.probe()
        assert router.routing.clock == NOW + int(scene.now * 1000)


def test_a_silent_shard_at_its_tip_is_not_behind() -> None:
    scene = Scene()
    router = scene.router()
    router.process(scene.put(1), 700, Lease())
    scene.now += 60
    scene.host.probe()
    assert scene.events.behind == [(SHARD, 700), (SHARD, 0)]
    router.lease_lost()
    scene.now += 60
    scene.host.probe()
    assert len(scene.events.behind) == 2


def test_the_probe_of_a_new_run_reads_after_its_checkpoint() -> None:
    scene = Scene()
    records = scene.put(2)
    scene.router(records[-1].record.sequence_number)
    scene.now += 60
    scene.host.probe()
    scene.host.put_marks()
    assert scene.told(0)[-1].clock == NOW + 60_000


def test_the_probe_does_not_move_time_past_records_that_wait() -> None:
    scene = Scene()
    scene.router()
    scene.put(1)
    scene.now += 60
    scene.host.probe()
    scene.host.put_marks()
    assert scene.keyed.taken == []


def test_a_shard_that_delivers_is_not_probed() -> None:
    scene = Scene()
    router = scene.router()
    router.process(scene.put(1), 0, Lease())
    scene.now += 1
    scene.host.probe()
    scene.host.put_marks()
    assert {scene.told(bucket)[-1].clock for bucket in range(LAYOUT.buckets)} == {NOW}


def test_the_end_is_checkpointed_once_all_buckets_know_the_children() -> None:
    scene = Scene(Keyed("throttled", "lost"))
    router, lease = scene.router(), Lease()
    children = scene.source.split(SHARD)
    router.shard_ended(lease)
    assert lease.checkpoints == [None]
    for bucket in range(LAYOUT.buckets):
        last = scene.told(bucket)[-1]
        assert (last.ended, last.children) == (True, children)


def test_an_end_that_buckets_do_not_know_is_not_checkpointed() -> None:
    scene = Scene(Keyed(*["InternalFailure"] * 99), Waits(1))
    router, lease = scene.router(), Lease()
    scene.source.split(SHARD)
    router.shard_ended(lease)
    assert lease.checkpoints == []


def test_an_end_without_children_ends_the_process() -> None:
    scene = Scene()
    with pytest.raises(VoiceInsightsError, match="can't be found"):
        scene.router().shard_ended(Lease())


def test_a_checkpoint_that_is_deferred_is_made_with_the_next_one() -> None:
    scene = Scene()
    router, lease = scene.router(), Lease(Checkpointed.DEFERRED)
    router.process(scene.put(1), 0, lease)
    scene.host.put_marks()
    second = scene.put(1)
    router.process(second, 0, lease)
    scene.host.put_marks()
    lease.answer = Checkpointed.MADE
    router.process(scene.put(1), 0, lease)
    assert lease.checkpoints == [second[0].record.sequence_number]
    assert scene.events.records == 3


def test_a_router_without_a_lease_routes_no_more() -> None:
    scene = Scene()
    router, lease = scene.router(), Lease(Checkpointed.LEASE_GONE)
    router.process(scene.put(1), 0, lease)
    scene.host.put_marks()
    router.process(scene.put(1), 0, lease)  # finds that the lease is gone
    before = len(scene.keyed.taken)
    router.process(scene.put(1), 0, lease)
    scene.host.put_marks()
    assert len(scene.keyed.taken) == before


def test_after_a_stop_nothing_is_routed_and_all_buckets_know() -> None:
    scene = Scene()
    router, lease = scene.router(), Lease()
    router.process(scene.put(1), 0, lease)
    scene.host.stop(scene.now + 60)
    router.process(scene.put(1), 0, lease)
    assert scene.events.records == 1
    assert {scene.told(one)[-1].through for one in range(LAYOUT.buckets)} == {
        router.routing.through
    }


_A_WHILE_S = 0.5


class StoppedAmid(Keyed):
    """Has ``stop`` begin in another thread while it takes its first request."""

    def __init__(self) -> None:
        super().__init__("throttled")
        self.stop: Callable[[], object] = bool
        self.thread: Thread | None = None

    def put_records(self, **arguments: Any) -> PutRecordsAnswer:
        if self.thread is None:
            self.thread = Thread(target=self.stop)
            self.thread.start()
            self.thread.join(_A_WHILE_S)  # in vain: it waits for this batch
        return super().put_records(**arguments)


def test_a_batch_amid_a_stop_is_put_whole_and_all_buckets_know() -> None:
    keyed = StoppedAmid()
    scene = Scene(keyed)
    router = scene.router()
    keyed.stop = lambda: scene.host.stop(60.0)
    router.process(scene.put(3), 0, Lease())
    assert keyed.thread is not None
    keyed.thread.join(LONGEST_S)
    assert scene.events.records == 3
    assert {scene.told(one)[-1].through for one in range(LAYOUT.buckets)} == {
        router.routing.through
    }


def test_a_request_to_shut_down_checkpoints_what_all_buckets_know() -> None:
    scene = Scene()
    router, lease = scene.router(), Lease()
    records = scene.put(2)
    router.process(records, 0, lease)
    router.shutdown_requested(lease)
    assert lease.checkpoints == [records[-1].record.sequence_number]


def test_an_error_in_a_thread_of_the_host_reaches_who_ends_the_process() -> None:
    scene = Scene(Keyed("AccessDeniedException"))
    scene.router().routing.end(["shardId-000000000001"])
    scene.host.start()
    assert scene.failing.wait(LONGEST_S)
    assert [type(one) for one in scene.failed] == [Misconfigured]


def test_marks_of_all_shards_of_a_task_are_one_record_a_bucket() -> None:
    scene = Scene()
    one, other = scene.router(), scene.host.processor()
    other.initialize("shardId-000000000001", None)
    record = Record("shardId-000000000001", "5", NOW, b"nobody's", "key")
    one.process(scene.put(1), 0, Lease())
    other.process([LeasedRecord(record)], 0, Lease())
    before = len(scene.keyed.taken)
    scene.host.put_marks()
    marks = scene.keyed.bundles()[before:]
    assert len(marks) <= LAYOUT.buckets
    assert all(isinstance(one, Mark) for one in marks)
