"""A pool of a few threads that run jobs step by step: a job takes a thread only while it steps."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition, Event, Thread
from time import monotonic
from typing import Final, NamedTuple


class Pause(NamedTuple):
    """The rest of a job between two steps, in s. ``until_woken``: ``Job.wake`` ends it early."""

    seconds: float
    until_woken: bool = False


JobStep = Callable[[], Pause | None]
"""One step of a job; None if it was the last one. An error ends the job, too."""


class Job:
    """A job of a pool."""

    def __init__(self, step: JobStep, changed: Condition) -> None:
        self.error: BaseException | None = None
        """The error that ended the job; None if none did."""
        self._step = step
        self._changed = changed
        self._ended = Event()
        self._due = monotonic()
        self._rest: Pause | None = Pause(0.0)
        self._woken = False
        self._hurried = False

    def wake(self) -> None:
        """Step at once, if the job rests until it is woken; if it is stepping, it will not rest
        that way.
        """
        with self._changed:
            self._woken = True
            if self._rest is not None and self._rest.until_woken:
                self._due = 0.0
            self._changed.notify_all()

    def hurry(self) -> None:
        """Step at once, or once more at once if it is stepping, whatever the rest."""
        with self._changed:
            self._hurried = True
            self._due = 0.0
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait for the job's end."""
        self._ended.wait(timeout_s)

    @property
    def ended(self) -> bool:
        """Whether the last step is over."""
        return self._ended.is_set()

    @property
    def due(self) -> float:
        """When the next step is due, by the monotonic clock."""
        return self._due

    def begin(self) -> None:
        """Note that a step begins; called by the pool under its lock."""
        self._rest, self._woken, self._hurried = None, False, False

    def run(self) -> None:
        """Make one step."""
        try:
            self._rest = self._step()
        except BaseException as error:
            self.error = error

    def settle(self) -> bool:
        """Return whether the job goes on; called by the pool under its lock after a step."""
        if self._rest is None:
            self._ended.set()
            return False
        at_once = self._hurried or (self._woken and self._rest.until_woken)
        self._due = 0.0 if at_once else monotonic() + self._rest.seconds
        return True


class ThreadPool:
    """Runs jobs in up to ``most`` threads, which begin with the first jobs and end with the last.

    The job that has been due for longest steps first. The threads are daemons: none keeps a process
    from ending.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name: Final = name
        self._most: Final = most
        self._changed = Condition()
        self._waiting: list[Job] = []
        self._jobs = 0
        self._threads = 0

    def start(self, step: JobStep) -> Job:
        """Begin a job, which makes its first step at once."""
        job = Job(step, self._changed)
        with self._changed:
            self._jobs += 1
            self._waiting.append(job)
            if self._threads < min(self._most, self._jobs):
                self._threads += 1
                Thread(target=self._work, name=self._name, daemon=True).start()
            self._changed.notify_all()
        return job

    def _work(self) -> None:
        while (job := self._next()) is not None:
            job.run()
            with self._changed:
                if job.settle():
                    self._waiting.append(job)
                else:
                    self._jobs -= 1
                self._changed.notify_all()

    def _next(self) -> Job | None:
        """Return the next job to step, once it is due; None if there are more threads than jobs."""
        with self._changed:
            while self._threads <= self._jobs:
                first = min(self._waiting, key=lambda job: job.due, default=None)
                rest = None if first is None else first.due - monotonic()
                if first is not None and rest is not None and rest <= 0.0:
                    self._waiting.remove(first)
                    first.begin()
                    return first
                self._changed.wait(rest)
            self._threads -= 1
            return None
