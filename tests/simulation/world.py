"""What outlives every worker: time, the stream and its writers, CloudWatch, written lines."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

from tests.pinecall.mapping.logs import mapped, pages
from tests.pinecall.mapping.logs import records as pinecall_records
from tests.simulation.buckets import BucketLedger
from tests.simulation.faults import Faults
from tests.simulation.ledger import Ledger, Witness
from tests.simulation.plan import Plan, Redelivery, Reshard
from worker.outbox.entries import DeliveryOutcome, EntryKind
from worker.sources.kinesis.api import KinesisApi, RecordsAnswer, StreamFailure
from worker.sources.kinesis.lineage import StreamDescription
from worker.stream.position import Position
from worker.stream.record import Record
from worker.testing.strict_cloudwatch import StrictCloudWatch
from worker.testing.strict_kinesis import StrictKinesis
from worker.testing.strict_otlp import StrictOtlp
from worker.testing.strict_s3 import StrictS3
from worker.testing.traffic import simulated_records

NAMESPACE: Final = "VoiceInsights"
_MOST_SHARDS: Final = 5

Say = Callable[[str], None]


class LateEnds:
    """A stream whose shards end with an answer of its own, after that of their last records."""

    def __init__(self, real: KinesisApi) -> None:
        self._real = real
        self._ends: dict[str, RecordsAnswer] = {}

    def describe(self) -> StreamDescription | StreamFailure:
        """See ``KinesisApi.describe``."""
        return self._real.describe()

    def shard_iterator(self, shard: str, position: Position) -> str | StreamFailure:
        """See ``KinesisApi.shard_iterator``."""
        return self._real.shard_iterator(shard, position)

    def get_records(self, shard: str, iterator: str) -> RecordsAnswer | StreamFailure:
        """See ``KinesisApi.get_records``."""
        if iterator in self._ends:
            return self._ends[iterator]
        answer = self._real.get_records(shard, iterator)
        if (
            isinstance(answer, StreamFailure)
            or answer.next_iterator is not None
            or not answer.records
        ):
            return answer
        iterator = f"the end of {shard}"
        self._ends[iterator] = answer._replace(records=[], size=0)
        return answer._replace(next_iterator=iterator, children=())


class World:
    """``now``: epoch ms, moved on by whoever drives. ``say`` gets the trace, line by line."""

    def __init__(self, plan: Plan, say: Say) -> None:
        rng = Random(f"{plan.seed}:world")
        self.plan = plan
        self.random = rng.random
        self.now = plan.traffic.start_ms - 10_000
        self.broken: list[str] = []
        """Laws that were broken while it ran."""
        self.put: list[Record] = []
        """All records so far, as the stream took them."""
        self.written: dict[EntryKind, list[bytes]] = {"records": [], "dead_letters": []}
        """Blocks of lines."""
        self._say = say
        self._instant = self.now
        self.faults = Faults(plan, self.say)
        self.bucket = StrictS3(self.faults.store)
        """Where state may be."""
        self.ledger: Witness = (
            Ledger(self.breaks)
            if plan.store == "sqlite"
            else BucketLedger(self.bucket, self.breaks)
        )
        self.kinesis = StrictKinesis(
            lambda: self._instant,
            rng.randrange(2, 5),
            names_children=rng.random() < 0.5,
            faults=self.faults.read,
        )
        self.stream: KinesisApi = LateEnds(self.kinesis) if rng.random() < 0.5 else self.kinesis
        """What readers read."""
        self.cloudwatch = StrictCloudWatch(lambda: self._instant, self.faults.sends())
        self.otlp = StrictOtlp(self.faults.otlp())
        self._coming = _coming(plan)
        self._reshards = sorted(
            (plan.traffic.start_ms + one.at, one) for one in plan.faults if isinstance(one, Reshard)
        )

    def say(self, text: str) -> None:
        """Add a line to the trace."""
        self._say(f"{(self.now - self.plan.traffic.start_ms) / 1000:10.3f}  {text}")

    def breaks(self, law: str) -> None:
        """Note a broken law."""
        self.say(f"BROKEN {law}")
        self.broken.append(law)

    def pass_time(self, ms: int) -> None:
        """Let so much time go by; what is due in it happens at its own instant."""
        self.now += ms
        while self._reshards and self._reshards[0][0] <= self.now:
            self._reshard(self._reshards.pop(0)[1])
        while self._coming and self._coming[0][0] <= self.now:
            arrival, _, record = heapq.heappop(self._coming)
            self._instant = max(self._instant, arrival)
            self.put.append(self.kinesis.put(record.data, record.partition_key))
        self._instant = self.now

    def sleep(self, seconds: float) -> None:
        """A worker waits, and time goes by."""
        self.pass_time(int(seconds * 1000) + 1)

    def next_record(self) -> int | None:
        """When the next record comes (epoch ms); None after the last."""
        return self._coming[0][0] if self._coming else None

    def write(self, kind: EntryKind, block: bytes) -> tuple[DeliveryOutcome, str]:
        """Append a block of lines."""
        written = self.faults.write()
        if written is not False:
            self.written[kind].append(block)
        return (
            (DeliveryOutcome.APPLIED, "")
            if written is None
            else (DeliveryOutcome.AMBIGUOUS, "injected")
        )

    def _reshard(self, reshard: Reshard) -> None:
        shards = self.kinesis.open_shards()
        if reshard.kind == "split" and len(shards) < _MOST_SHARDS:
            parent = shards[reshard.which % len(shards)]
            self.say(f"kinesis: split {parent} into {self.kinesis.split(parent)}")
        elif reshard.kind == "merge" and len(shards) > 1:
            left = reshard.which % (len(shards) - 1)
            child = self.kinesis.merge(shards[left], shards[left + 1])
            self.say(f"kinesis: merged {shards[left : left + 2]} into {child}")


def _coming(plan: Plan) -> list[tuple[int, int, Record]]:
    """A heap of when each record comes, a number that settles ties, and the record."""
    records = list(simulated_records(plan.traffic, plan.seed * 2))
    if plan.two_platforms:
        records += pinecall_records(mapped(pages()))
    coming = [(record.arrival, n, record) for n, record in enumerate(records)]
    if plan.quiet_ms:
        off = int(plan.traffic.spread_s * 1000) + plan.quiet_ms
        later = _shifted(plan, off)
        coming += [(record.arrival, n, record) for n, record in enumerate(later, len(coming))]
    for redelivery in plan.faults:
        if isinstance(redelivery, Redelivery) and redelivery.nth < len(records):
            arrival, _, record = coming[redelivery.nth]
            moved = (arrival + redelivery.later, len(coming), record)
            if redelivery.again:
                coming.append(moved)
            else:
                coming[redelivery.nth] = moved
    heapq.heapify(coming)
    return coming


def _shifted(plan: Plan, by: int) -> list[Record]:
    traffic = replace(plan.traffic, start_ms=plan.traffic.start_ms + by, test_event=False)
    return list(simulated_records(traffic, plan.seed * 2 + 1))
