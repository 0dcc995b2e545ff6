"""The protocols between a consumer library that leases shards and the processors of shards. Pure.

An engine makes one processor for each shard that it holds a lease of. It calls the processor's
methods one at a time, in any thread, and different processors at once. Its checkpoints decide only
where reading continues: the processors make their results durable themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from itertools import pairwise
from typing import Literal, NamedTuple, Protocol

from worker.stream.record import Record


class LeasedRecord(NamedTuple):
    """A record as an engine delivers it: engines open KPL aggregates themselves.

    ``sub_sequence``: the place in its aggregate, from 0; None if ``record`` is not of an aggregate.
    """

    record: Record
    sub_sequence: int | None = None


class Checkpointed(Enum):
    """The result of a checkpoint."""

    MADE = "made"
    LEASE_GONE = "the lease is held no more"
    DEFERRED = "the table of leases can't be written now"


class Checkpointer(Protocol):
    """Moves the lease's checkpoint; valid for as long as the call that it was passed to."""

    def __call__(self, sequence: str | None = None) -> Checkpointed:
        """Checkpoint after the record with the sequence number ``sequence``; None means all
        delivered records, and in ``shard_ended`` the shard's end. Only the former can be deferred,
        to the next call; the latter raises ``Unreachable`` if the table stays unreachable.
        """
        ...


class Processor(Protocol):
    """Processes one shard for as long as its lease is held."""

    def initialize(self, shard: str, after: str | None) -> None:
        """Begin with ``shard``. ``after``: the sequence number of the lease's checkpoint, None if
        it has none yet. Another process may take the lease during this call.
        """
        ...

    def process(
        self, records: Sequence[LeasedRecord], millis_behind: int | None, checkpoint: Checkpointer
    ) -> None:
        """Process the next records of the shard; the engine prefetches only little while this
        blocks. ``millis_behind``: the distance to the shard's tip, if known.
        """
        ...

    def lease_lost(self) -> None:
        """End, because another process has the lease, or this one could not renew it."""
        ...

    def shard_ended(self, checkpoint: Checkpointer) -> None:
        """End, because the shard is read to its end. Its children are leased only once the end is
        checkpointed.
        """
        ...

    def shutdown_requested(self, checkpoint: Checkpointer) -> None:
        """End, because the process stops while it still holds the lease. Some engines say
        ``lease_lost`` instead.
        """
        ...


class FleetApplication(NamedTuple):
    """One role of a task, as an engine runs it.

    ``name``: identifies the leases shared with other processes; also the name of their table.
    ``stream``: the stream's name. ``region`` and ``endpoint``: None leaves them to the environment.
    ``start``: where shards without a checkpoint begin, an int is epoch ms; children of such shards
    begin at their oldest record. ``idle_ms``: the wait between two reads of a shard. ``fan_out``:
    whether enhanced fan-out is used instead of polling.
    """

    name: str
    stream: str
    region: str | None
    endpoint: str | None
    start: Literal["trim_horizon"] | int
    idle_ms: int
    fan_out: bool
    make: Callable[[], Processor]


class FleetEngine(Protocol):
    """A consumer library."""

    def run(self, application: FleetApplication, stop: Callable[[], bool]) -> None:
        """Lease and process shards until ``stop`` returns True, which is called several times a
        second; then end the processors. Raises an error if the library itself fails.
        """
        ...


def leased_records(delivered: Iterable[tuple[Record, int]]) -> list[LeasedRecord]:
    """Give records their places, if the library numbers the records of an aggregate from 0 and
    plain records 0, too. The only record of an aggregate can't be distinguished from a plain one,
    and counts as plain.
    """
    records = [*delivered]
    firsts = {
        one.sequence_number
        for (one, _), (next_one, _) in pairwise(records)
        if one.sequence_number == next_one.sequence_number
    }
    return [
        LeasedRecord(one, number if number or one.sequence_number in firsts else None)
        for one, number in records
    ]
