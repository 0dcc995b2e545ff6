"""What to ask a stream next, and what has come of it: all shards of one stream. Pure.

The driver asks ``next_call`` whenever time has passed or something has happened, carries the call
out, and hands the outcome to ``completed``; calls may be completed in any order. The consumer's
side is ``drain_batches``, ``pause``, ``resume`` and ``expired``. ``now`` is monotonic milliseconds.

- A shard has at most one call under way and two batches not taken; all batches not taken hold
  ``max_bytes`` and what calls already under way bring.
- Nothing is read before the first survey, since only it tells parents from children.
"""

from __future__ import annotations

from collections import deque
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
from worker.sources.kinesis.reader_events import BackedOff, ReaderEvent, clock_doubts, stage_changes
from worker.sources.kinesis.shard_consumer import Batch, Shard, ShardStage
from worker.sources.kinesis.shard_map import ShardMap
from worker.sources.kinesis.shard_sync import ShardSyncPacing
from worker.stream.position import Position
from worker.times.minutes import AFTER_ALL

_MOST_UNDELIVERED: Final = 2
_ASKING: Final = (ShardStage.SEEKING, ShardStage.READING)


class ShardView(NamedTuple):
    """A shard as it stands. ``millis_behind``: None before the first answer."""

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
        self._known = ShardMap(positions, created)
        self._surveys = ShardSyncPacing()
        self._random = random
        self._max_bytes = max_bytes
        self._paused: frozenset[str] = frozenset()
        self._queue: deque[tuple[Batch, int]] = deque()
        self._queued_bytes = 0

    # The driver's side

    def next_call(self, now: int) -> StreamCall | None:
        """The call most overdue, if any is; it counts as under way from here on."""
        if self._surveys.due() <= now:
            self._surveys.begin()
            return DescribeStream()
        shard = self._soonest()
        if shard is None or shard.due > now:
            return None
        shard.busy = True
        return shard.call()

    def wake_at(self) -> int | None:
        """When the next call is due. None: not before a call is completed or a batch taken."""
        shard = self._soonest()
        due = min(self._surveys.due(), AFTER_ALL if shard is None else shard.due)
        return None if due == AFTER_ALL else due

    def completed(self, call: StreamCall, outcome: CallResult, now: int) -> list[ReaderEvent]:
        """Take in what ``call`` came to. Raises StreamReplaced if the stream was made anew."""
        if isinstance(outcome, StreamDescription):
            return self._described(outcome, now)
        if isinstance(outcome, StreamFailure) and isinstance(call, DescribeStream):
            return [self._surveys.failed(outcome, self._random, now)]
        shard = self._known.by_id[call.shard]
        shard.busy = False
        stage = shard.stage
        notices: list[ReaderEvent] = []
        next_survey = self._surveys.next_number()
        if isinstance(outcome, StreamFailure):
            wait = shard.failed(outcome, next_survey, self._random, now)
            notices.append(BackedOff(call.shard, outcome, shard.pace.failures, wait))
        elif isinstance(outcome, RecordsAnswer):
            batch = self._known.answered(shard, outcome, next_survey, now)
            self._put(batch, outcome.size)
            notices += clock_doubts(call.shard, outcome.doubt)
        else:
            shard.iterator_came(outcome, self._known.horizon(), now)
        if shard.unresolved:
            self._surveys.request_soon(now)
        return notices + stage_changes(shard, stage)

    # The consumer's side

    def drain_batches(self, now: int) -> list[Batch]:
        """All batches ready, in order. After a shard's end its children may begin."""
        batches = []
        while self._queue:
            batch, size = self._queue.popleft()
            self._queued_bytes -= size
            self._known.by_id[batch.shard].taken()
            batches.append(batch)
        if any(batch.ended for batch in batches):
            self._known.promote(now)
        return batches

    def pause(self, shards: Iterable[str]) -> None:
        """Ask for nothing more from ``shards``; what is under way or ready still comes."""
        self._paused |= frozenset(shards)

    def resume(self, shards: Iterable[str]) -> None:
        """Go on with ``shards``."""
        self._paused -= frozenset(shards)

    def expired(self) -> list[str]:
        """Ended shards, each told once, that the stream no longer has: drop their positions."""
        return self._known.expired()

    def views(self) -> list[ShardView]:
        """All shards known, by id."""
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
            for name, shard in sorted(self._known.by_id.items())
        ]

    def _soonest(self) -> Shard | None:
        if self._queued_bytes >= self._max_bytes:
            return None
        soonest, due = None, AFTER_ALL
        for name, shard in self._known.by_id.items():  # a plain loop: it runs twice a call
            if (
                shard.due < due
                and not shard.busy
                and shard.stage in _ASKING
                and shard.undelivered < _MOST_UNDELIVERED
                and name not in self._paused
            ):
                soonest, due = shard, shard.due
        return soonest

    def _described(self, description: StreamDescription, now: int) -> list[ReaderEvent]:
        batches, notices = self._known.described(description, self._surveys.begun, now)
        for batch in batches:
            self._put(batch, 0)
        notices += clock_doubts("", description.doubt)
        return self._surveys.succeeded(self._known.unresolved(), now) + notices

    def _put(self, batch: Batch, size: int) -> None:
        self._queued_bytes += size
        self._queue.append((batch, size))
