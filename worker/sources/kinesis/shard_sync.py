"""The pacing of shard syncs. Pure; ``now`` is monotonic milliseconds.

* At most one sync is in flight; syncs are numbered from 1 in the order in which they begin.
* An unresolved shard is resolved only by a sync begun after it became so: one already in flight may
  have listed the stream as it was before. Hence the shard notes the number of the next one.
"""

from __future__ import annotations

from typing import Final

from worker.sources.kinesis.api import StreamFailure
from worker.sources.kinesis.pacing import STEADY, Random, after_failure
from worker.sources.kinesis.reader_events import BackedOff, FoundAgain, ReaderEvent
from worker.times.minutes import AFTER_ALL

SYNC_EVERY: Final = 30_000  # ms
SYNC_AGAIN: Final = 1_000  # ms, while a shard waits for a later one


class ShardSyncPacing:
    """The time of the next sync, by the results of those before it. The first is due at once."""

    def __init__(self) -> None:
        self.begun = 0
        """The number of syncs begun, and so the number of the last one."""
        self._in_flight = False
        self._due = 0
        self._succeeded_at = 0
        self._pace = STEADY

    def due(self) -> int:
        """Return when the next sync is due; ``AFTER_ALL`` while one is in flight."""
        return AFTER_ALL if self._in_flight else self._due

    def next_number(self) -> int:
        """Return the number of the first sync that begins from now on."""
        return self.begun + 1

    def begin(self) -> None:
        """Note that a sync is in flight from here on."""
        self._in_flight = True
        self.begun += 1

    def request_soon(self, now: int) -> None:
        """Bring the next sync forward, because a shard waits for it."""
        self._due = min(self._due, max(now, self._succeeded_at + SYNC_AGAIN))

    def succeeded(self, awaited: bool, now: int) -> list[ReaderEvent]:
        """Note that the sync in flight succeeded. ``awaited``: a shard waits for another one."""
        failures = self._pace.failures
        self._in_flight = False
        self._pace = STEADY
        self._succeeded_at = now
        self._due = now + (SYNC_AGAIN if awaited else SYNC_EVERY)
        return [FoundAgain(failures)] if failures else []

    def failed(self, failure: StreamFailure, random: Random, now: int) -> BackedOff:
        """Note that the sync in flight failed: the next one backs off."""
        self._in_flight = False
        self._pace, wait = after_failure(self._pace, random)
        self._due = now + wait
        return BackedOff("", failure, self._pace.failures, wait)
