"""A keyed shard's processors over states in files, driven by a test call by call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from tests.fleet.routed import LAYOUT, SHARD
from tests.outbox.outboxes import FORMATS
from tests.scenes import BASE
from worker.fleet.bucket import BucketParts, PartitionsParts
from worker.fleet.keyed_processor import KeyedProcessor
from worker.fleet.partitions import PartitionsHost
from worker.fleet.processor import Checkpointed, LeasedRecord
from worker.fleet.routing import Marks, Routing
from worker.metrics.series import Series
from worker.outbox.destination import Destination, Sink
from worker.outbox.entries import DeliveryOutcome, EntryKind
from worker.outbox.sender import LanePools
from worker.partition.accounting import ACCOUNTED
from worker.partition.delta import Delta
from worker.partition.rules import Rules
from worker.replay import Replay
from worker.service.hooks import WorkerEvents
from worker.service.ports import Clocks, Limits, WorkerStatus
from worker.state.sqlite.store import SqliteStore
from worker.state.sqlite.view import SqliteView
from worker.stream.position import HEAD
from worker.stream.record import Record
from worker.testing.traffic import Traffic, simulated_records
from worker.thread_pool import ThreadPool
from worker.wiring import SharedParts

KEYED: Final = "shardId-000000000007"
ALL: Final = 0, (1 << 128) - 1
HOUR: Final = 3_600_000
HALF: Final = 30
"""The records of a first batch."""
TRAFFIC: Final = Traffic(sessions=12, shards=1, start_ms=BASE, duplicates=0.05, malformed=0.02)


def traffic(seed: int = 0) -> list[Record]:
    """Records of one source shard, in its order."""
    records = sorted(simulated_records(TRAFFIC, seed), key=lambda one: one.arrival)
    return [
        Record(SHARD, str(number), one.arrival, one.data, "")
        for number, one in enumerate(records, 100)
    ]


class Keyed:
    """The keyed shard, with one router that puts into it."""

    def __init__(self, after: str | None = None) -> None:
        self.records: list[LeasedRecord] = []
        self._routing = Routing(LAYOUT, SHARD, after)

    def route(self, records: Sequence[Record]) -> None:
        """Route a batch, and mark it in the buckets that get nothing of it."""
        for puts in self._routing.route([LeasedRecord(one) for one in records], 0):
            self.put(one.data for one in puts)
        self._routing.acknowledged()
        self.mark()

    def restart(self, after: str) -> None:
        """Have another router go on after a checkpoint."""
        self._routing = Routing(LAYOUT, SHARD, after)

    def tip(self, clock: int) -> None:
        """Mark that nothing is left to read of the source shard at ``clock``."""
        self._routing.caught_up(clock)
        self.mark()

    def mark(self) -> None:
        marks = Marks(LAYOUT, [self._routing])
        self.put(one.data for one in marks.puts)
        marks.acknowledged()

    def put(self, bundles: Iterable[bytes]) -> None:
        for data in bundles:
            number = str(10**20 + len(self.records))
            self.records.append(LeasedRecord(Record(KEYED, number, BASE, data, "")))


class Lease:
    """A ``Checkpointer``."""

    def __init__(self, answer: Checkpointed = Checkpointed.MADE) -> None:
        self.answer = answer
        self.checkpoints: list[str | None] = []

    def __call__(self, sequence: str | None = None) -> Checkpointed:
        if self.answer is Checkpointed.MADE:
            self.checkpoints.append(sequence)
        return self.answer


class Observer:
    """A ``BucketObserver`` that keeps what it hears."""

    def __init__(self) -> None:
        self.taken: dict[int, set[Series]] = {}
        self.twice = 0
        self.refused = 0
        self.statuses: dict[int, WorkerStatus] = {}

    def bucket_taken(self, bucket: int, admitted: Iterable[Series]) -> None:
        self.taken[bucket] = set(admitted)

    def bucket_left(self, bucket: int) -> None:
        self.taken.pop(bucket, None)

    def turned(self, bucket: int) -> None:
        assert bucket in self.taken

    def routed_twice(self, records: int) -> None:
        self.twice += records

    def bundle_refused(self) -> None:
        self.refused += 1

    def of_bucket(self, bucket: int, listener: WorkerEvents) -> WorkerEvents:
        statuses = self.statuses

        class Listening(WorkerEvents):
            def progress(self, progress: WorkerStatus) -> None:
                listener.progress(progress)
                statuses[bucket] = progress

        return Listening()


class Lines:
    """A sink that keeps what it is sent; or isn't there, once it is ``away``."""

    def __init__(self) -> None:
        self.data = b""
        self.away = False

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        if self.away:
            return DeliveryOutcome.NOT_APPLIED, "away"
        self.data += body
        return DeliveryOutcome.APPLIED, ""


class Task:
    """A process with the partitions' role: its clock goes on by hand, and its lanes only when
    ``send`` is called.
    """

    def __init__(
        self,
        folder: Path,
        *,
        outbox_bytes: int = 1 << 30,
        sinks: dict[EntryKind, Sink] | None = None,
        rest: Callable[[float], object] | None = None,
        hash_keys: tuple[int, int] = ALL,
        threads: int = 1,
        pools: LanePools | None = None,
        store: type[SqliteStore] = SqliteStore,
        parent: str = "",
    ) -> None:
        self.now_s = 0.0
        self.sinks = sinks or {kind: Lines() for kind in FORMATS}
        self.observer = Observer()
        self.failures: list[BaseException] = []
        shared = SharedParts(
            "keyed",
            {kind: Destination(FORMATS[kind], sink) for kind, sink in self.sinks.items()},
            lambda location: store(Path(location)),
            Rules(),
            Limits(5.0, 300_000, outbox_bytes),
            WorkerEvents(),
            Clocks(lambda: self.now_s, lambda: BASE),
            lambda: 0.5,
            pools or LanePools(0),
            ThreadPool("compactor", 0),
        )
        buckets = BucketParts(
            LAYOUT,
            str(folder),
            shared,
            lambda: {one: HEAD for one in (SHARD, parent) if one},
            self.observer,
            lambda: {SHARD: (parent,), parent: ()} if parent else {},
        )
        self.host = PartitionsHost(
            PartitionsParts(
                buckets, lambda _shard: hash_keys, lambda: self.now_s, threads, 0.0, rest
            ),
            self.failures.append,
        )

    def begun(self, after: str | None = None) -> KeyedProcessor:
        """A processor that has the shard."""
        processor = self.host.processor()
        processor.initialize(KEYED, after)
        return processor

    def commit(self, processor: KeyedProcessor, lease: Lease) -> None:
        """Have a commit due, and call without records."""
        self.now_s += 5.0
        processor.process([], None, lease)

    def send(self, processor: KeyedProcessor) -> None:
        """Send all that waits."""
        for bucket in processor.buckets:
            for lane in bucket.service.sender.lanes:
                while lane.send_some():
                    pass


def state(folder: Path, bucket: int) -> Delta:
    """What the state of a bucket holds, acquired by nobody."""
    return SqliteView(Path(LAYOUT.location(str(folder), bucket))).contents().whole


def states(folder: Path) -> list[Delta]:
    """Those of all buckets."""
    return [state(folder, bucket) for bucket in range(LAYOUT.buckets)]


def summed(folder: Path) -> Counter[str]:
    """The counters of all buckets together."""
    found: Counter[str] = Counter()
    for one in states(folder):
        found.update(one.counters)
    return found


def undisturbed() -> Counter[str]:
    replay = Replay(Rules(), lambda _outputs: None)
    for record in traffic():
        replay.feed(record)
    replay.finish()
    return Counter({name: replay.counters[name] for name in ACCOUNTED})


def accounted(folder: Path) -> Counter[str]:
    found = summed(folder)
    return Counter({name: found[name] for name in ACCOUNTED})


def routed() -> Keyed:
    keyed = Keyed()
    records = traffic()
    for start in range(0, len(records), 40):
        keyed.route(records[start : start + 40])
    return keyed
