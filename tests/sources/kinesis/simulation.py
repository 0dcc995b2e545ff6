"""The reader without threads: its schedule over a stream in memory, by one made-up clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from worker.sources.kinesis.api import (
    CallResult,
    StreamCall,
    StreamFailure,
    StreamFailureKind,
    carry_out,
)
from worker.sources.kinesis.lineage import StreamDescription, first_positions
from worker.sources.kinesis.reader_events import ReaderEvent
from worker.sources.kinesis.scheduler import Schedule
from worker.sources.kinesis.shard_consumer import Batch
from worker.stream.position import Position, Start
from worker.stream.record import Record
from worker.testing.strict_kinesis import DAY, KinesisFault, KinesisOperation, StrictKinesis

EPOCH = 1_800_000_000_000
MANY_BYTES = 64 << 20


class Simulation:
    """A stream, a reader of it with ``threads`` threads, and a consumer that commits."""

    def __init__(
        self,
        shards: int = 1,
        *,
        start: Start = "trim_horizon",
        seed: int = 0,
        threads: int = 3,
        max_bytes: int = MANY_BYTES,
        retention: int = DAY,
        names_children: bool = True,
        refuses_trimmed: bool = False,
    ) -> None:
        self.now = EPOCH
        self.random = Random(seed)
        self.faults: Callable[[KinesisOperation, str], KinesisFault] = lambda operation, shard: None
        self.kinesis = StrictKinesis(
            lambda: self.now,
            shards,
            retention=retention,
            names_children=names_children,
            refuses_trimmed=refuses_trimmed,
            faults=lambda operation, shard: self.faults(operation, shard),
        )
        self.threads = threads
        self.max_bytes = max_bytes
        self.start = start
        self.put: list[Record] = []
        self.taken: list[Batch] = []
        self.notices: list[ReaderEvent] = []
        self.calls: list[tuple[int, StreamCall]] = []
        self.expired: list[str] = []
        self.paused: set[str] = set()
        self.positions: dict[str, Position] = {}
        self._committed: tuple[int, dict[str, Position]] = (0, {})
        self._open()

    def _open(self) -> None:
        description = self.kinesis.describe()
        assert isinstance(description, StreamDescription)
        self.positions = first_positions(description, self.start)
        self.commit()
        self.restart()

    # What the consumer does

    def pause(self) -> None:
        """Of two shards that are open."""
        self.paused.update(self.kinesis.open_shards()[:2])
        self.schedule.pause(self.paused)

    def resume(self) -> None:
        self.schedule.resume(self.paused)

    def commit(self) -> None:
        self._committed = (len(self.taken), dict(self.positions))

    def restart(self, positions: Mapping[str, Position] | None = None) -> None:
        """A crash: all since the last commit is forgotten."""
        taken, committed = self._committed
        del self.taken[taken:]
        self.positions = dict(committed if positions is None else positions)
        self.under_way: list[tuple[StreamCall, CallResult]] = []
        self.schedule = Schedule(
            self.positions, self.kinesis.created, self.random.random, self.max_bytes
        )

    def drain_batches(self) -> list[Batch]:
        batches = self.schedule.drain_batches(self.now, MANY_BYTES)
        for batch in batches:
            self.positions[batch.shard] = batch.position
            self.positions.update(batch.children)
        for shard in self.schedule.expired():
            del self.positions[shard]
            self.expired.append(shard)
        self.taken += batches
        return batches

    # What the threads do

    def issue(self) -> bool:
        """Begin one call, if any is due; the service answers it at once."""
        if len(self.under_way) == self.threads:
            return False
        call = self.schedule.next_call(self.now)
        if call is None:
            return False
        self.calls.append((self.now, call))
        self.under_way.append((call, carry_out(call, self.kinesis)))
        return True

    def complete(self, n: int = 0) -> None:
        """The answer of the nth call under way arrives."""
        if self.under_way:
            call, outcome = self.under_way.pop(n % len(self.under_way))
            self.notices += self.schedule.completed(call, outcome, self.now)

    def run(self, milliseconds: int, latency: int = 20) -> None:
        """Time goes by, and the consumer takes whatever comes."""
        end = self.now + milliseconds
        while self.now < end:
            while self.issue():
                pass
            if self.under_way:
                self.now += latency
                self.complete(self.random.randrange(len(self.under_way)))
            else:
                wake_at = self.schedule.wake_at()
                self.now = end if wake_at is None else min(end, max(wake_at, self.now + 1))
            self.drain_batches()

    def sleep(self, milliseconds: int) -> None:
        """Time goes by, and nobody does anything."""
        self.now += milliseconds

    def read_out(self) -> None:
        """All trouble ends, and there is time to read everything."""
        self.fail(0)
        self.resume()
        for _ in range(20):
            self.run(30_000)
            if set(self.kinesis.open_shards()) <= {batch.shard for batch in self.taken}:
                break
        self.run(30_000)

    # What writers and operators do

    def write(self, records: int, size: int = 10) -> None:
        for _ in range(records):
            key = str(self.random.random())
            self.put.append(self.kinesis.put(b"x" * size, key))

    def split(self) -> None:
        """One shard; a stream of six is wide enough."""
        if len(self.kinesis.open_shards()) < 6:
            self.kinesis.split(self.random.choice(self.kinesis.open_shards()))

    def merge(self) -> None:
        shards = self.kinesis.open_shards()
        if len(shards) > 1:
            n = self.random.randrange(len(shards) - 1)
            self.kinesis.merge(shards[n], shards[n + 1])

    def fail(self, share: float) -> None:
        """From now on so many of the calls fail, in every way there is."""
        self.faults = lambda operation, shard: (
            self._fault(operation) if self.random.random() < share else None
        )

    def _fault(self, operation: KinesisOperation) -> KinesisFault:
        kinds = [
            StreamFailureKind.THROTTLED,
            StreamFailureKind.UNAVAILABLE,
            StreamFailureKind.DENIED,
        ]
        if operation == "get_records":
            kinds += [StreamFailureKind.EXPIRED, StreamFailureKind.GONE]
        if operation == "shard_iterator":
            kinds += [StreamFailureKind.GONE]
        return StreamFailure(self.random.choice(kinds), "injected")

    # What came of it

    def records(self, shard: str) -> list[Record]:
        return [r for batch in self.taken if batch.shard == shard for r in batch.records]

    def all_records(self) -> list[Record]:
        return [record for batch in self.taken for record in batch.records]

    def first_batches(self) -> dict[str, int]:
        first: dict[str, int] = {}
        for n, batch in enumerate(self.taken):
            first.setdefault(batch.shard, n)
        return first

    def ends(self) -> dict[str, int]:
        return {batch.shard: n for n, batch in enumerate(self.taken) if batch.ended}
