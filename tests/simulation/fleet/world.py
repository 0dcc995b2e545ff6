"""What outlives every task of a fleet: the world of a worker, the keyed stream, and the leases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any, Final

from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from tests.simulation.buckets import BucketLedger
from tests.simulation.fleet.leases import StrictLeases
from tests.simulation.ledger import Ledger, Samples, Witness
from tests.simulation.plan import KeyedReshard, Plan, Point
from tests.simulation.world import Say, World
from worker.outbox.entries import Entry, Settled
from worker.outbox.ledger import Note
from worker.producer.put_records import PutEntry, PutRecordsAnswer, PutResult
from worker.testing.strict_kinesis import StrictKinesis
from worker.testing.strict_s3 import StrictS3

_MOST_SHARDS: Final = 5
_THROTTLED: Final = "ProvisionedThroughputExceededException"


class AllLedgers:
    """A ``Witness`` of all buckets' ledgers together, which is told of nothing itself."""

    def __init__(self, ledgers: Sequence[Witness]) -> None:
        self._ledgers = ledgers
        self.owner = ""

    @property
    def notes(self) -> list[Note]:
        """See ``Witness.notes``."""
        return [note for one in self._ledgers for note in one.notes]

    @property
    def bound(self) -> Samples:
        """See ``Witness.bound``."""
        return _sum(one.bound for one in self._ledgers)

    @property
    def dropped(self) -> Samples:
        """See ``Witness.dropped``."""
        return _sum(one.dropped for one in self._ledgers)

    def taken(self, worker: str) -> None:
        """Nothing."""

    def fenced(self, worker: str) -> None:
        """Nothing."""

    def wrote(self, worker: str, what: str) -> None:
        """Nothing."""

    def sending(self, worker: str) -> None:
        """Nothing."""

    def claimed(self, entries: Iterable[Entry]) -> None:
        """Nothing."""

    def settled(self, outcomes: Iterable[Settled]) -> None:
        """Nothing."""


class FleetWorld(World):
    """The world of a plan with buckets."""

    def __init__(self, plan: Plan, say: Say) -> None:
        super().__init__(plan, say)
        rng = Random(f"{plan.seed}:keyed")
        self.keyed = StrictKinesis(lambda: self._instant, rng.randrange(1, 4))
        self.router_leases = StrictLeases("router", self.say, self.breaks)
        self.keyed_leases = StrictLeases("keyed", self.say, self.breaks)
        self.buckets = [StrictS3(self.faults.store) for _ in range(plan.buckets)]
        self.ledgers: list[Witness] = [
            Ledger(self.breaks) if plan.store == "sqlite" else BucketLedger(one, self.breaks)
            for one in self.buckets
        ]
        self.ledger = AllLedgers(self.ledgers)
        self._late: list[tuple[int, list[PutEntry]]] = []
        self._throttles = Random(f"{plan.seed}:throttles")
        self._keyed_reshards = sorted(
            (plan.traffic.start_ms + one.at, one)
            for one in plan.faults
            if isinstance(one, KeyedReshard)
        )

    def pass_time(self, ms: int) -> None:
        """See ``World.pass_time``."""
        super().pass_time(ms)
        while self._keyed_reshards and self._keyed_reshards[0][0] <= self.now:
            self._reshard_keyed(self._keyed_reshards.pop(0)[1])
        due = [one for one in self._late if one[0] <= self.now]
        self._late = [one for one in self._late if one[0] > self.now]
        for _, entries in due:
            self.say(f"keyed: {len(entries)} records come late")
            self._put(entries)

    @property
    def awaits(self) -> bool:
        """Whether records are still on their way into the keyed stream."""
        return bool(self._late)

    def put_records(self, entries: list[PutEntry]) -> PutRecordsAnswer:
        """One PutRecords request. Raises what boto3 raises."""
        fault = self.faults.put()
        if fault is None:
            self._put(entries)
            return _answer([{} for _ in entries])
        if fault.kind == "throttled":
            taken = [self._throttles.random() < 0.5 for _ in entries]
            self._put([one for one, did in zip(entries, taken, strict=True) if did])
            return _answer([{} if did else {"ErrorCode": _THROTTLED} for did in taken])
        if fault.kind == "lost":
            raise EndpointConnectionError(endpoint_url="injected")
        if fault.kind == "applied":
            self._put(entries)
        else:
            self._late.append((self.now + fault.later, entries))
        raise ReadTimeoutError(endpoint_url="injected")

    def _put(self, entries: list[PutEntry]) -> None:
        for one in entries:
            self.keyed.put(one["Data"], one["PartitionKey"], int(one["ExplicitHashKey"]))

    def _reshard_keyed(self, reshard: KeyedReshard) -> None:
        shards = self.keyed.open_shards()
        if reshard.kind == "split" and len(shards) < _MOST_SHARDS:
            parent = shards[reshard.which % len(shards)]
            self.say(f"keyed: split {parent} into {self.keyed.split(parent)}")
        elif reshard.kind == "merge" and len(shards) > 1:
            left = reshard.which % (len(shards) - 1)
            child = self.keyed.merge(shards[left], shards[left + 1])
            self.say(f"keyed: merged {shards[left : left + 2]} into {child}")


class KeyedWriter:
    """A task's ``StreamWriter``."""

    def __init__(self, world: FleetWorld, pass_point: Callable[[Point], None]) -> None:
        self._world = world
        self._pass = pass_point

    def put_records(self, **arguments: Any) -> PutRecordsAnswer:
        """See ``StreamWriter``."""
        self._pass("before put")
        try:
            return self._world.put_records(arguments["Records"])
        finally:
            self._pass("after put")


def _answer(results: list[PutResult]) -> PutRecordsAnswer:
    failed = sum("ErrorCode" in one for one in results)
    return {"FailedRecordCount": failed, "Records": results}


def _sum(parts: Iterable[Samples]) -> Samples:
    found: Samples = {}
    for part in parts:
        for key, counts in part.items():
            found.setdefault(key, Counter()).update(counts)
    return found
