"""When the stream is surveyed. Pure; ``now`` is monotonic milliseconds.

- One survey is under way at most; they are numbered from 1 in the order of their beginnings.
- A shard in suspense is settled only by a survey begun after it got there: one already under
  way may have listed the stream as it was before. Hence it notes the number of the next one.
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
    """When the next survey is due, by what became of those before it. The first is due at once."""

    def __init__(self) -> None:
        self.begun = 0
        """How many surveys were begun, so the number of the last one."""
        self._under_way = False
        self._due = 0
        self._succeeded_at = 0
        self._pace = STEADY

    def due(self) -> int:
        """When the next survey is to begin; ``AFTER_ALL`` while one is under way."""
        return AFTER_ALL if self._under_way else self._due

    def next_number(self) -> int:
        """The number of the first survey that begins from now on."""
        return self.begun + 1

    def begin(self) -> None:
        """A survey is under way from here on."""
        self._under_way = True
        self.begun += 1

    def request_soon(self, now: int) -> None:
        """A shard has come to wait for a survey: don't let it wait for long."""
        self._due = min(self._due, max(now, self._succeeded_at + SYNC_AGAIN))

    def succeeded(self, awaited: bool, now: int) -> list[ReaderEvent]:
        """The survey under way has come. ``awaited``: a shard waits for one more."""
        failures = self._pace.failures
        self._under_way = False
        self._pace = STEADY
        self._succeeded_at = now
        self._due = now + (SYNC_AGAIN if awaited else SYNC_EVERY)
        return [FoundAgain(failures)] if failures else []

    def failed(self, failure: StreamFailure, random: Random, now: int) -> BackedOff:
        """The survey under way has failed: the next one backs off."""
        self._under_way = False
        self._pace, wait = after_failure(self._pace, random)
        self._due = now + wait
        return BackedOff("", failure, self._pace.failures, wait)
