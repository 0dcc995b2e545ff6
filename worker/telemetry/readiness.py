"""Readiness: whether the worker is reading all of its stream now.

Events arrive from the threads of the service, the reader and anything that waits for the state's
bucket, and the health pages read from another one: a lock guards what is known.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Final, NamedTuple

from worker.objectstore.retrying import CallFailed
from worker.service.hooks import WorkerEvents
from worker.service.ports import WorkerStatus
from worker.service.shards import ShardProgress
from worker.sources.kinesis.api import StreamFailure
from worker.sources.kinesis.reader_events import BackedOff, FoundAgain, ReaderEvent

READ_WITHIN_S: Final = 60.0
"""The time within which each shard must have answered, with or without records."""

COMMIT_WITHIN_S: Final = 120.0
"""Commits are at most a minute apart, and each may take another minute."""

LASTING: Final = 10
"""Consecutive failed calls, about 50 s of them, after which a failure counts as lasting."""


class _Failing(NamedTuple):
    """A shard's first and last failed call, by the monotonic clock, and the last failure."""

    since_s: float
    last_s: float
    failure: StreamFailure


class Readiness(WorkerEvents):
    """Ready means: the state is acquired, the first commit is made, the stream's shards can be
    listed, and each shard that must be read has answered within the last minute.

    A shard that waits for its parents need not be read, nor one that pauses because it is ahead of
    the others. ``monotonic`` gives seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = Lock()
        self._progress: WorkerStatus | None = None
        self._progress_s = 0.0
        self._survey: BackedOff | None = None
        self._failing: dict[str, _Failing] = {}
        self._state: CallFailed | None = None

    def reader_event(self, reader_event: ReaderEvent) -> None:
        """See ``WorkerEvents.reader_event``."""
        with self._lock:
            if isinstance(reader_event, FoundAgain):
                self._survey = None
            elif isinstance(reader_event, BackedOff):
                if reader_event.shard:
                    now = self._monotonic()
                    known = self._failing.get(reader_event.shard)
                    since = now if known is None else known.since_s
                    self._failing[reader_event.shard] = _Failing(since, now, reader_event.failure)
                else:
                    self._survey = reader_event

    def state_call_failed(self, failed: CallFailed) -> None:
        """See ``WorkerEvents.state_call_failed``."""
        with self._lock:
            self._state = failed

    def progress(self, progress: WorkerStatus) -> None:
        """See ``WorkerEvents.progress``."""
        with self._lock:
            if self._progress is None:
                self._survey = None  # a failure of the start, which has found the stream since
            self._progress = progress
            self._progress_s = self._monotonic()
            self._state = None
            self._failing = {
                name: failing
                for name, failing in self._failing.items()
                if (shard := progress.shards.get(name)) is not None
                and (shard.answered_s is None or shard.answered_s <= failing.last_s)
            }

    def unready(self) -> str | None:
        """The reason why the worker is not ready; None if it is."""
        with self._lock:
            if self._progress is None:
                return f"starting: {self._waits_for() or 'no commit yet'}"
            silent_s = self._monotonic() - self._progress_s
            if silent_s > COMMIT_WITHIN_S:
                return (
                    f"no commit for {silent_s:.0f} s: {self._waits_for() or 'no reason is known'}"
                )
            if self._survey is not None and self._survey.attempt >= LASTING:
                return f"the stream can't be read: {_why(self._survey.failure)}"
            return self._unread(self._progress)

    def _waits_for(self) -> str | None:
        if self._state is not None:
            where, failure = self._state.key, self._state.failure
            return f"the state can't be reached: {where}: {failure.kind.value}: {failure.detail}"
        if self._survey is not None:
            return f"the stream can't be reached: {_why(self._survey.failure)}"
        return None

    def _unread(self, progress: WorkerStatus) -> str | None:
        silent = {
            name: self._progress_s - since
            for name, shard in progress.shards.items()
            if (since := self._silent_since(name, shard, progress.backpressure)) is not None
        }
        late = {name: silent_s for name, silent_s in silent.items() if silent_s > READ_WITHIN_S}
        if not late:
            return None
        worst = max(sorted(late), key=lambda name: late[name])
        if worst in self._failing:
            why = _why(self._failing[worst].failure)
        else:
            why = (
                "backpressure, the outbox is full" if progress.shards[worst].paused else "no answer"
            )
        return (
            f"{len(late)} of {len(progress.shards)} shards not read within a minute: {worst} for "
            f"{late[worst]:.0f} s: {why}"
        )

    def _silent_since(self, name: str, shard: ShardProgress, backpressure: float) -> float | None:
        """The time since which a shard that must be read has not been; None if it need not be."""
        if shard.paused and backpressure < 1:
            return None
        if shard.answered_s is not None:
            return shard.answered_s
        failing = self._failing.get(name)
        return None if failing is None else failing.since_s


def _why(failure: StreamFailure) -> str:
    return f"{failure.kind.value}: {failure.detail}"
