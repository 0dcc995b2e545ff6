"""The sender: runs each lane of an outbox as a job of a pool of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Event
from time import monotonic
from typing import Final

from worker.outbox.destination import new_entries
from worker.outbox.entries import EntryKind, NewEntry
from worker.outbox.lane import CLAIM, Lane
from worker.partition.commit_outputs import Outputs
from worker.thread_pool import Job, Pause, ThreadPool

_IDLE_S: Final = 5.0
_LAST_PAUSE_S: Final = 1.0


class LanePools:
    """A pool of up to ``threads`` for each kind of entries, which the lanes of that kind share,
    whatever their outbox: so a destination that is away holds up nothing else.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._pools: dict[EntryKind, ThreadPool] = {}

    def of(self, kind: EntryKind) -> ThreadPool:
        """Return the pool of a kind. May be called in any thread."""
        return self._pools.setdefault(kind, ThreadPool(f"sender of {kind}", self._threads))


class _Runner:
    """A lane and its job."""

    def __init__(self, lane: Lane, pool: ThreadPool) -> None:
        self.job: Job | None = None
        self._lane = lane
        self._pool = pool
        self._stopping = Event()
        self._halted = Event()

    def start(self) -> None:
        """Begin to send."""
        self.job = self._pool.start(self._step)

    def wake(self) -> None:
        """There may be something to send."""
        if self.job is not None:
            self.job.wake()

    def stop(self) -> None:
        """End once nothing is left to send."""
        self._stopping.set()
        if self.job is not None:
            self.job.hurry()

    def halt(self, timeout_s: float) -> None:
        """End by then, whatever is left."""
        if self.job is not None:
            self.job.join(timeout_s)
        self._halted.set()
        if self.job is not None:
            self.job.hurry()

    def _step(self) -> Pause | None:
        if self._halted.is_set():
            return None
        if self._lane.send_some(self._most):
            pause_s = self._lane.pause_s()
            return Pause(min(pause_s, _LAST_PAUSE_S) if self._stopping.is_set() else pause_s)
        return None if self._stopping.is_set() else Pause(_IDLE_S, until_woken=True)

    def _most(self) -> int:
        """Return the attempts allowed in a round: one by one while stopping, so that when the time
        is up at most one outcome is unknown.
        """
        if self._halted.is_set():
            return 0
        return 1 if self._stopping.is_set() else CLAIM


class Sender:
    """Runs ``lanes``, each until it is stopped or fails. ``pool_of``: the threads for each kind."""

    def __init__(
        self, lanes: Iterable[Lane], pool_of: Callable[[EntryKind], ThreadPool] | None = None
    ) -> None:
        self.lanes: Final = tuple(lanes)
        self._formats = {lane.kind: lane.format for lane in self.lanes}
        pools = pool_of or LanePools().of
        self._runners = [_Runner(lane, pools(lane.kind)) for lane in self.lanes]

    @property
    def error(self) -> BaseException | None:
        """The error that ended a lane; None if none did."""
        errors = (one.job.error for one in self._runners if one.job is not None)
        return next((error for error in errors if error is not None), None)

    def new_entries(self, outputs: Outputs, created: int) -> list[NewEntry]:
        """Return the entries of a commit's outputs, created at ``created`` (epoch ms), for all
        lanes.
        """
        return new_entries(self._formats, outputs, created)

    def start(self) -> None:
        """Begin to send."""
        for runner in self._runners:
            runner.start()

    def wake(self) -> None:
        """Wake the lanes, because there may be something to send."""
        for runner in self._runners:
            runner.wake()

    def stop(self, timeout_s: float) -> bool:
        """Send what is left, for at most ``timeout_s``; return whether everything was sent.
        Harmless before ``start``, and when repeated.
        """
        until = monotonic() + timeout_s
        for runner in self._runners:
            runner.stop()
        for runner in self._runners:
            runner.halt(max(0.0, until - monotonic()))
        jobs = [runner.job for runner in self._runners]
        return self.error is None and all(job is not None and job.ended for job in jobs)
