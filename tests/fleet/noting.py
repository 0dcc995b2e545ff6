"""A processor that an engine calls, for tests of engines."""

from __future__ import annotations

from collections.abc import Sequence

from worker.fleet.processor import Checkpointer, LeasedRecord


class Noting:
    """A processor that notes its calls, checkpoints, and perhaps raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls: list[object] = []

    def initialize(self, shard: str, after: str | None) -> None:
        self.calls.append((shard, after))

    def process(
        self, records: Sequence[LeasedRecord], millis_behind: int | None, checkpoint: Checkpointer
    ) -> None:
        self.calls.append((records, millis_behind))
        if self.error is not None:
            raise self.error
        self.calls.append(checkpoint("17"))

    def lease_lost(self) -> None:
        self.calls.append("lost")

    def shard_ended(self, checkpoint: Checkpointer) -> None:
        self.calls.append(checkpoint())

    def shutdown_requested(self, checkpoint: Checkpointer) -> None:
        self.calls.append(checkpoint())
