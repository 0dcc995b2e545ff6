"""A Kinesis reader in the worker's own process, as a source of decoded batches."""

from __future__ import annotations

from collections.abc import Iterator

from worker.events.decode import decode_all
from worker.sources.kinesis.reader import Reader
from worker.sources.kinesis.shard_consumer import Batch
from worker.sources.source import Intake


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
