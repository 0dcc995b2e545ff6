"""A model of what lies between a router and a bucket: leases, puts and reads that go wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal

from tests.events.fuzzing import REAL
from tests.fleet.routed import ARRIVAL, LAYOUT
from tests.scenes import cloud_event
from worker.events.decode import Delivery, decode
from worker.events.event import Event
from worker.fleet.bundles import Bundle, Mark, decode_bundle
from worker.fleet.layout import Layout
from worker.fleet.processor import LeasedRecord
from worker.fleet.receipt import Receipt
from worker.fleet.routing import BundlePut, Marks, Routing
from worker.stream.position import HEAD, Position
from worker.stream.record import Record
from worker.testing.aggregates import aggregate

FLEET: Final = Layout(source=LAYOUT.source, keyed=LAYOUT.keyed, buckets=4)
PARENT, CHILD = "shard-0", "shard-1"

Outcome = Literal["applied", "not applied", "ambiguous, applied", "ambiguous, late"]
"""What becomes of a put; of an ambiguous one the router knows nothing, and puts it again."""


def _event(session: int) -> bytes:
    return cloud_event(0, "dtmf", session_id=f"VX{session}")


_SEVERAL: Final = b"[" + b",".join(map(_event, range(5))) + b"]"
_DATA: Final = [
    *map(_event, range(9)),
    *(_SEVERAL, aggregate("key", [_event(1), b"junk", _SEVERAL, _event(2)])),
    *(b"junk", b"[7, 8]", *REAL[:3]),
]

SOURCE: Final = {
    shard: [
        Record(shard, str(10 * n), ARRIVAL + n, _DATA[(7 * n + offset) % len(_DATA)], "")
        for n in range(1, 30)
    ]
    for offset, shard in enumerate((PARENT, CHILD))
}
CHILDREN: Final = {PARENT: (CHILD,), CHILD: ()}

Place = tuple[str, str, int | None, bytes, int]


def place(delivery: Delivery) -> Place:
    """What tells one occurrence of the source from any other, but for equal parts of a list."""
    shard, number, part = delivery.shard, delivery.sequence_number, delivery.sub_sequence
    return shard, number, part, delivery.data, delivery.arrival


def expected() -> dict[int, Counter[Place]]:
    """What each bucket must have of the whole source."""
    found: dict[int, Counter[Place]] = {one: Counter() for one in range(FLEET.buckets)}
    for records in SOURCE.values():
        for one in records:
            for delivery in decode(one):
                event = delivery.occurrence
                by = event.key.session_id if isinstance(event, Event) else one.sequence_number
                found[FLEET.bucket_of(by)][place(delivery)] += 1
    return found


class KeyedStream:
    """What was put, a list a bucket, and what will be there later."""

    def __init__(self) -> None:
        self.records: dict[int, list[bytes]] = {one: [] for one in range(FLEET.buckets)}
        self.late: list[BundlePut] = []

    def put(self, waiting: list[BundlePut], outcomes: Iterable[Outcome]) -> list[BundlePut]:
        """Return what has not been acknowledged."""
        again: list[BundlePut] = []
        for one, outcome in zip(waiting, outcomes, strict=False):
            if outcome == "ambiguous, late":
                self.late.append(one)
            elif outcome != "not applied":
                self.records[one.bucket].append(one.data)
            if outcome != "applied":
                again.append(one)
        return again

    def come(self, at: int) -> None:
        """Apply one of the late puts."""
        one = self.late.pop(at % len(self.late))
        self.records[one.bucket].append(one.data)


class Run:
    """A router's run over a shard from a checkpoint."""

    def __init__(self, shard: str, after: str) -> None:
        self.shard = shard
        self.routing = Routing(FLEET, shard, after or None)
        self._next = sum(int(one.sequence_number) <= int(after or 0) for one in SOURCE[shard])
        self._rounds: list[list[BundlePut]] = []

    @property
    def done(self) -> bool:
        """Whether all has been read and acknowledged."""
        return not self._rounds and self._next == len(SOURCE[self.shard])

    def step(self, stream: KeyedStream, size: int, outcomes: list[Outcome]) -> None:
        """Read the next batch, or put what has not been acknowledged of the round at hand."""
        if not self._rounds:
            records = SOURCE[self.shard][self._next : self._next + size]
            self._next += len(records)
            self._rounds = self.routing.route([LeasedRecord(one) for one in records], 0)
            return
        self._rounds[0] = stream.put(self._rounds[0], outcomes)
        if not self._rounds[0]:
            del self._rounds[0]
            if not self._rounds:
                self.routing.acknowledged()


class MarksUnderWay:
    """Marks of some runs that have not all been acknowledged."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._marks = Marks(FLEET, [one.routing for one in runs])
        self._waiting = self._marks.puts

    def step(self, stream: KeyedStream, outcomes: list[Outcome]) -> bool:
        """Put what has not been acknowledged; return whether nothing is left."""
        rest = self._waiting[len(outcomes) :]
        self._waiting = stream.put(self._waiting, outcomes) + rest
        if not self._waiting:
            self._marks.acknowledged()
        return not self._waiting


class BucketReader:
    """A bucket that reads the keyed stream, commits, and dies."""

    def __init__(self, bucket: int) -> None:
        self._bucket = bucket
        self.committed: Counter[Place] = Counter()
        self.positions: dict[str, Position] = {PARENT: HEAD}
        self._read = 0
        self.die()

    def die(self) -> None:
        """Go on from the last commit, as another owner would."""
        self._receipt = Receipt(FLEET, self._bucket, self.positions)
        self._folded = Counter(self.committed)
        self._moved = dict(self.positions)
        self._next = self._read

    def take(self, stream: KeyedStream) -> bool:
        """Fold the next record; return whether there was one."""
        if self._next == len(stream.records[self._bucket]):
            return False
        self.fold(decode_bundle(stream.records[self._bucket][self._next]))
        self._next += 1
        return True

    def fold(self, bundle: Bundle | Mark) -> None:
        """Fold a bundle or mark."""
        for batch in self._receipt.take(bundle).batches:
            self._folded.update(map(place, batch.deliveries))
            self._moved |= {batch.shard: batch.position, **batch.children}

    def commit(self) -> None:
        """Make all of it durable."""
        self.committed, self.positions = Counter(self._folded), dict(self._moved)
        self._read = self._next
