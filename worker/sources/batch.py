"""A batch of one shard as the service takes it in, its records decoded. Pure."""

from __future__ import annotations

import msgspec

from worker.events.decode import Delivery
from worker.stream.position import Position


class DecodedBatch(msgspec.Struct, frozen=True):
    """What a source has read of one shard, in the shard's order.

    ``records``: how many records the batch has; ``deliveries``: all occurrences in them.
    ``position``: how far the shard is read with this batch; to be committed with its effects.
    ``clock``: epoch ms before which nothing can arrive in the shard any more; None if unknown.
    ``millis_behind``: how far the batch ends behind the shard's tip.
    ``gap``: records before this batch may have been trimmed unread.
    ``children``: with the shard's last batch, where the shards that came from it begin.
    """

    shard: str
    records: int
    deliveries: list[Delivery]
    position: Position
    clock: int | None = None
    millis_behind: int = 0
    gap: bool = False
    children: dict[str, Position] = {}

    @property
    def ended(self) -> bool:
        """Whether this is the shard's last batch."""
        return self.position.ended
