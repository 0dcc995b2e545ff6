"""Compaction beside the worker's loop, as a job of a pool of threads."""

from __future__ import annotations

from threading import Event

from worker.state.store import Store
from worker.thread_pool import Job, Pause, ThreadPool


class Compactor:
    """Compacts ``store`` at once, for the sake of a worker that always dies soon, and then every
    ``interval_s``, until stopped. ``pool``: its threads, which the compactors of several stores may
    share.
    """

    def __init__(self, store: Store, interval_s: float, pool: ThreadPool | None = None) -> None:
        self._store = store
        self._interval_s = interval_s
        self._pool = pool or compaction_pool()
        self._stopping = Event()
        self._job: Job | None = None

    @property
    def error(self) -> BaseException | None:
        """The error that ended compaction; None if none did."""
        return None if self._job is None else self._job.error

    def start(self) -> None:
        """Begin to compact."""
        self._job = self._pool.start(self._step)

    def stop(self, timeout_s: float) -> None:
        """Stop, after a compaction in progress. Harmless before ``start``."""
        self._stopping.set()
        if self._job is not None:
            self._job.hurry()
            self._job.join(timeout_s)

    def _step(self) -> Pause | None:
        if self._stopping.is_set():
            return None
        self._store.compact()
        return Pause(self._interval_s)


def compaction_pool() -> ThreadPool:
    """Return a pool for the compaction of any number of stores, one after the other."""
    return ThreadPool("compactor", 1)
