"""What a reader holds ahead of its consumer, and the memory that it may take. Pure.

Held are the batches not yet taken and the answers under way. Both count in bytes of memory, as far
as they can be foretold, against one bound for all shards: an answer of 10 MiB takes three times
that while it comes in, so the number of calls in flight goes down to a few while shards are
behind, and up to all threads at their tips, where answers are small.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from worker.sources.kinesis.shard_consumer import Batch

RECORD_BYTES: Final = 400
"""What a record takes besides its data: its objects, sequence number and key."""

_WHILE_RECEIVED: Final = 3
"""Times the bytes of an answer: its text in base64 as it comes, in one piece, and decoded."""


class Prefetch:
    """Batches in order, and reservations for calls in flight. It is full from ``max_bytes`` on;
    the last call begun before may exceed them by its own answer.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._batches: deque[tuple[Batch, int]] = deque()
        self._reserved: dict[str, int] = {}
        self._held = 0

    @property
    def full(self) -> bool:
        """Whether no call may begin before a batch is taken or an answer has come."""
        return self._held >= self._max_bytes

    def reserve(self, shard: str, size: int) -> None:
        """Count a call to ``shard`` that may bring ``size`` bytes as in flight."""
        self._reserved[shard] = size * _WHILE_RECEIVED
        self._held += self._reserved[shard]

    def unreserve(self, shard: str) -> None:
        """Note that the call to ``shard`` has ended."""
        self._held -= self._reserved.pop(shard)

    def put(self, batch: Batch, size: int) -> None:
        """Append ``batch``, whose records have ``size`` bytes of data and keys."""
        memory = size + len(batch.records) * RECORD_BYTES
        self._held += memory
        self._batches.append((batch, memory))

    def drain(self, most: int) -> list[Batch]:
        """Drain batches in order until they take ``most`` bytes of memory; at least one, if there
        is any.
        """
        batches: list[Batch] = []
        drained = 0
        while self._batches and drained < most:
            batch, memory = self._batches.popleft()
            drained += memory
            batches.append(batch)
        self._held -= drained
        return batches
