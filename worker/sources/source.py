"""A batch of a shard as the service takes it in: its records decoded. Shell, for its reader's."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from worker.events.decode import Delivery, decode_all
from worker.sources.kinesis.lineage import Position
from worker.sources.kinesis.reader import Reader
from worker.sources.kinesis.shard_consumer import Batch


class Intake(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What a ``Batch`` brought: of so many ``records`` the ``deliveries``, all else as there."""

    shard: str
    records: int
    deliveries: list[Delivery]
    position: Position
    clock: int | None
    millis_behind: int
    gap: bool
    children: dict[str, Position]

    @property
    def ended(self) -> bool:
        """Whether this is the shard's last batch."""
        return self.position.kind == "ended"


def decoded(batch: Batch) -> Intake:
    """What a batch brought."""
    return Intake(
        batch.shard,
        len(batch.records),
        decode_all(batch.records),
        batch.position,
        batch.clock,
        batch.millis_behind,
        batch.gap,
        batch.children,
    )


class IntakeHere:
    """The service's source in its own process: what a reader hands over is decoded as it is
    taken.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.start = reader.start
        self.pause = reader.pause
        self.resume = reader.resume
        self.forgotten = reader.forgotten
        self.stop = reader.stop

    def take(self, timeout_s: float) -> Iterator[Intake]:
        """All that is ready, in order; waits for something up to ``timeout_s``."""
        return map(decoded, self._reader.take(timeout_s))
