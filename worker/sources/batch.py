"""A batch of one shard with its records decoded, as a source delivers it. Pure."""

from __future__ import annotations

import msgspec

from worker.events.decode import Delivery
from worker.stream.position import Position


class DecodedBatch(msgspec.Struct, frozen=True):
    """A batch of one shard's records, decoded, in the shard's order.

    ``records``: the number of records in the batch; ``deliveries``: all occurrences in them.
    ``position``: how far the shard is read with this batch; to be committed with its effects.
    ``clock``: epoch ms before which nothing can arrive in the shard any more; None if unknown.
    ``millis_behind``: how far (ms) the batch ends behind the shard's tip. ``gap``: records before
    this batch may have been trimmed unread. ``children``: with the shard's last batch, the
    positions at which its child shards begin.
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
