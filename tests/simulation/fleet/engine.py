"""A consumer library of one task and application, a call at a time, and as rude as it may be.

It learns late that a lease is lost, delivers meanwhile, steals leases from others, and repeats
whatever isn't checkpointed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.simulation.fleet.leases import StrictLeases
from tests.simulation.plan import Point
from worker.fleet.processor import Checkpointed, Checkpointer, LeasedRecord, Processor
from worker.sources.kinesis.api import KinesisApi, StreamFailure
from worker.sources.kinesis.lineage import StreamDescription
from worker.stream.position import HEAD, Position, Start, at_time

_NOTICES: Final = 0.5
_STEALS: Final = 0.02
_CALLS: Final = 0.7
_MOST: Final = 40


@dataclass(slots=True)
class _Held:
    shard: str
    taken: int
    processor: Processor
    read: Position
    over: bool = False
    begun: bool = field(default=False)


class SteppedEngine:
    """Runs the processors of ``make`` for ``owner``. ``start``: where shards without a checkpoint
    begin.
    """

    def __init__(
        self,
        owner: str,
        random: Random,
        pass_point: Callable[[Point], None],
        leases: StrictLeases,
        stream: KinesisApi,
        start: Start,
        make: Callable[[], Processor],
    ) -> None:
        self._owner = owner
        self._leases = leases
        self._stream = stream
        self._start = start
        self._make = make
        self._random = random
        self._pass = pass_point
        self._held: list[_Held] = []

    def step(self, *, rude: bool) -> None:
        """Make the calls of a moment. ``rude``: whether leases are stolen and lost."""
        found = self._stream.describe()
        if isinstance(found, StreamDescription):
            self._leases.sync(found.shards)
        self._drop_lost()
        self._take(rude)
        for held in [*self._held]:
            if self._random.random() < _CALLS:
                self._deliver(held)

    def shut_down(self, *, by_request: bool) -> None:
        """End all processors, as engines do: some ask, others say that the lease is lost."""
        for held in self._held:
            if by_request:
                held.processor.shutdown_requested(self._checkpointer(held))
            else:
                held.processor.lease_lost()
        self._held.clear()

    @property
    def idle(self) -> bool:
        """Whether it has nothing to take over, and no lease that it has lost."""
        return not self._leases.free() and all(self._is_held(one) for one in self._held)

    def _is_held(self, held: _Held) -> bool:
        return self._leases.is_held(self._owner, held.shard, held.taken)

    def _drop_lost(self) -> None:
        for held in [*self._held]:
            if held.over or (not self._is_held(held) and self._random.random() < _NOTICES):
                self._held.remove(held)
                if not held.over:
                    held.processor.lease_lost()

    def _take(self, rude: bool) -> None:
        free = self._leases.free()
        if free and self._random.random() < _CALLS:
            self._initialize(self._random.choice(free))
        others = self._leases.others(self._owner)
        if rude and others and self._random.random() < _STEALS:
            self._initialize(self._random.choice(others))

    def _initialize(self, shard: str) -> None:
        taken = self._leases.take(self._owner, shard)
        after = self._leases.checkpoint_of(shard)
        held = _Held(shard, taken, self._make(), self._begins(after))
        self._held.append(held)
        held.processor.initialize(shard, after)
        held.begun = True

    def _begins(self, after: str | None) -> Position:
        if after is not None:
            return Position("after", after)
        return at_time(self._start, self._start) if isinstance(self._start, int) else HEAD

    def _deliver(self, held: _Held) -> None:
        iterator = self._stream.shard_iterator(held.shard, held.read)
        if isinstance(iterator, StreamFailure):
            return
        answer = self._stream.get_records(held.shard, iterator)
        if isinstance(answer, StreamFailure):
            return
        records = answer.records[: self._random.randrange(1, _MOST)]
        if records:
            leased = [LeasedRecord(one) for one in records]
            behind = answer.millis_behind
            held.processor.process(leased, behind, self._checkpointer(held))
            held.read = Position("after", records[-1].sequence_number)
        if answer.next_iterator is None and len(records) == len(answer.records):
            held.processor.shard_ended(self._checkpointer(held))
            held.over = not self._is_held(held)

    def _checkpointer(self, held: _Held) -> Checkpointer:
        def checkpoint(sequence: str | None = None) -> Checkpointed:
            self._pass("before checkpoint")
            done = self._leases.checkpoint(self._owner, held.shard, held.taken, sequence)
            self._pass("after checkpoint")
            return Checkpointed.MADE if done else Checkpointed.LEASE_GONE

        return checkpoint
