"""A Kinesis reader as the service's source: the polling thread decodes the batches. Shell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from worker.events.decode import decode_all
from worker.sources.batch import DecodedBatch
from worker.sources.kinesis.reader import Reader
from worker.sources.kinesis.shard_consumer import Batch
from worker.stream.position import Position


def decode_batch(batch: Batch) -> DecodedBatch:
    """Return the batch with its records decoded."""
    return DecodedBatch(
        batch.shard,
        len(batch.records),
        decode_all(batch.records),
        batch.position,
        batch.clock,
        batch.millis_behind,
        batch.gap,
        batch.children,
    )


class InlineSource:
    """A ``Source`` over ``reader``. It keeps no checkpoints: the store's positions suffice."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.start = reader.start
        self.pause = reader.pause
        self.resume = reader.resume
        self.expired_shards = reader.expired
        self.stop = reader.stop

    def poll(self, timeout_s: float) -> Iterator[DecodedBatch]:
        """See ``Source.poll``. Raises ``StreamReplaced`` if the stream was deleted and created
        again.
        """
        return map(decode_batch, self._reader.poll(timeout_s))

    def committed(self, positions: Mapping[str, Position]) -> None:
        """Do nothing: the next start is given the store's positions."""
