"""The schedule of calls to one stream, over all its shards. Pure.

The driver calls ``next_call`` whenever time has passed or something has happened, makes the call,
and hands the result to ``completed``; calls may be completed in any order. The consumer's side is
``drain_batches``, ``pause``, ``resume`` and ``expired``. ``now`` is monotonic milliseconds.

* A shard has at most one call in flight and two batches not taken. The batches not taken and the
  calls in flight of all shards take at most ``max_bytes`` of memory and one more answer
  (``prefetch``), so memory doesn't grow with the number of shards.
* Nothing is read before the first shard sync, because only that tells parents from children.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from worker.sources.kinesis.api import (
    CallResult,
    DescribeStream,
    RecordsAnswer,
    StreamCall,
    StreamFailure,
)
from worker.sources.kinesis.lineage import StreamDescription
from worker.sources.kinesis.pacing import Random
from worker.sources.kinesis.prefetch import Prefetch
from worker.sources.kinesis.reader_events import BackedOff, ReaderEvent, clock_doubts, stage_changes
from worker.sources.kinesis.shard_consumer import Batch, Shard, ShardStage
from worker.sources.kinesis.shard_map import ShardMap
from worker.sources.kinesis.shard_sync import ShardSyncPacing
from worker.stream.position import Position
from worker.times.minutes import AFTER_ALL

_MOST_UNDELIVERED: Final = 2
_CALLING: Final = (ShardStage.SEEKING, ShardStage.READING)


class ShardView(NamedTuple):
    """A shard's current status. ``millis_behind``: None before the first answer."""

    shard: str
    stage: ShardStage
    millis_behind: int | None
    paused: bool
    undelivered: int
    failures: int
    failure: StreamFailure | None


class Schedule:
    """All shards of one stream. ``created``: the stream's creation time (epoch ms)."""

    def __init__(
        self, positions: Mapping[str, Position], created: int, random: Random, max_bytes: int
    ) -> None:
        self._shards = ShardMap(positions, created)
        self._sync = ShardSyncPacing()
        self._random = random
        self._prefetch = Prefetch(max_bytes)
        self._paused: frozenset[str] = frozenset()

    # The driver's side

    def next_call(self, now: int) -> StreamCall | None:
        """Return the most overdue call, if any is due; it counts as in flight from here on."""
        if self._sync.due() <= now:
            self._sync.begin()
            return DescribeStream()
        shard = self._soonest()
        if shard is None or shard.due > now:
            return None
        shard.busy = True
        self._prefetch.reserve(shard.info.shard, shard.bytes_expected(now))
        return shard.call()

    def wake_at(self) -> int | None:
        """Return when the next call is due. None: not before a call is completed or a batch
        taken.
        """
        shard = self._soonest()
        due = min(self._sync.due(), AFTER_ALL if shard is None else shard.due)
        return None if due == AFTER_ALL else due

    def completed(self, call: StreamCall, outcome: CallResult, now: int) -> list[ReaderEvent]:
        """Process the result of ``call``. Raises StreamReplaced if the stream was created again."""
        if isinstance(outcome, StreamDescription):
            return self._described(outcome, now)
        if isinstance(outcome, StreamFailure) and isinstance(call, DescribeStream):
            return [self._sync.failed(outcome, self._random, now)]
        shard = self._shards.by_id[call.shard]
        shard.busy = False
        self._prefetch.unreserve(call.shard)
        stage = shard.stage
        reader_events: list[ReaderEvent] = []
        next_sync = self._sync.next_number()
        if isinstance(outcome, StreamFailure):
            wait = shard.failed(outcome, next_sync, self._random, now)
            reader_events.append(BackedOff(call.shard, outcome, shard.pace.failures, wait))
        elif isinstance(outcome, RecordsAnswer):
            batch = self._shards.answered(shard, outcome, next_sync, now)
            self._prefetch.put(batch, outcome.size)
            reader_events += clock_doubts(call.shard, outcome.doubt)
        else:
            shard.iterator_came(outcome, self._shards.horizon(), now)
        if shard.unresolved:
            self._sync.request_soon(now)
        return reader_events + stage_changes(shard, stage)

    # The consumer's side

    def drain_batches(self, now: int, most: int) -> list[Batch]:
        """Drain batches that are ready, in order, until they take ``most`` bytes of memory; at
        least one, if there is any. After a shard's end its children may begin.
        """
        batches = self._prefetch.drain(most)
        for batch in batches:
            self._shards.by_id[batch.shard].taken()
        if any(batch.ended for batch in batches):
            self._shards.promote(now)
        return batches

    def pause(self, shards: Iterable[str]) -> None:
        """Fetch nothing more from ``shards``; what is in flight or ready is still delivered."""
        self._paused |= frozenset(shards)

    def resume(self, shards: Iterable[str]) -> None:
        """Continue with ``shards``."""
        self._paused -= frozenset(shards)

    def expired(self) -> list[str]:
        """Return ended shards that the stream no longer has, each once: their positions can be
        dropped.
        """
        return self._shards.expired()

    def views(self) -> list[ShardView]:
        """Return the status of all known shards, by id."""
        return [
            ShardView(
                name,
                shard.stage,
                shard.millis_behind,
                name in self._paused,
                shard.undelivered,
                shard.pace.failures,
                shard.failure,
            )
            for name, shard in sorted(self._shards.by_id.items())
        ]

    def _soonest(self) -> Shard | None:
        if self._prefetch.full:
            return None
        soonest, due = None, AFTER_ALL
        for (
            name,
            shard,
        ) in self._shards.by_id.items():  # a plain loop for speed: it runs twice per call
            if (
                shard.due < due
                and not shard.busy
                and shard.stage in _CALLING
                and shard.undelivered < _MOST_UNDELIVERED
                and name not in self._paused
            ):
                soonest, due = shard, shard.due
        return soonest

    def _described(self, description: StreamDescription, now: int) -> list[ReaderEvent]:
        batches, reader_events = self._shards.described(description, self._sync.begun, now)
        for batch in batches:
            self._prefetch.put(batch, 0)
        reader_events += clock_doubts("", description.doubt)
        return self._sync.succeeded(self._shards.unresolved(), now) + reader_events
