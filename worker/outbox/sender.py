"""The sender: runs each lane of the outbox in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Event, Thread
from time import monotonic
from typing import Final

from worker.outbox.destination import new_entries
from worker.outbox.entries import NewEntry
from worker.outbox.lane import CLAIM, Lane
from worker.partition.commit_outputs import Outputs

_IDLE_S: Final = 5.0
_LAST_PAUSE_S: Final = 1.0


class _Runner:
    """A lane and its thread."""

    def __init__(self, lane: Lane, failed: Callable[[BaseException], None]) -> None:
        self.wake = Event()
        self.stopping = Event()
        self.halted = Event()
        self.thread = Thread(target=self._run, name=f"sender of {lane.kind}", daemon=True)
        self._lane = lane
        self._failed = failed

    def join(self, timeout_s: float) -> None:
        """Wait for the thread's end, if it was started."""
        if self.thread.ident is not None:
            self.thread.join(timeout_s)

    def ended(self) -> bool:
        """Whether the thread was started, and has ended."""
        return self.thread.ident is not None and not self.thread.is_alive()

    def _run(self) -> None:
        try:
            while not self.halted.is_set():
                self.wake.clear()
                if self._lane.send_some(self._most):
                    self._rest()
                elif self.stopping.is_set():
                    return
                else:
                    self.wake.wait(_IDLE_S)
        except BaseException as error:
            self._failed(error)

    def _most(self) -> int:
        """Return the attempts allowed in a round: one by one while stopping, so that when the time
        is up at most one outcome is unknown.
        """
        if self.halted.is_set():
            return 0
        return 1 if self.stopping.is_set() else CLAIM

    def _rest(self) -> None:
        """Pause after a failure; a stop ends the pause and shortens later ones."""
        if self.stopping.is_set():
            self.halted.wait(min(self._lane.pause_s(), _LAST_PAUSE_S))
        else:
            self.stopping.wait(self._lane.pause_s())


class Sender:
    """Runs ``lanes``, each until it is stopped or fails."""

    def __init__(self, lanes: Iterable[Lane]) -> None:
        self.lanes: Final = tuple(lanes)
        self._formats = {lane.kind: lane.format for lane in self.lanes}
        self.error: BaseException | None = None
        """The error that ended a lane; None if none did."""
        self._runners = [_Runner(lane, self._failed) for lane in self.lanes]

    def new_entries(self, outputs: Outputs, created: int) -> list[NewEntry]:
        """Return the entries of a commit's outputs, created at ``created`` (epoch ms), for all
        lanes.
        """
        return new_entries(self._formats, outputs, created)

    def start(self) -> None:
        """Begin to send."""
        for runner in self._runners:
            runner.thread.start()

    def wake(self) -> None:
        """Wake the lanes, because there may be something to send."""
        for runner in self._runners:
            runner.wake.set()

    def stop(self, timeout_s: float) -> bool:
        """Send what is left, for at most ``timeout_s``; return whether everything was sent.
        Harmless before ``start``, and when repeated.
        """
        until = monotonic() + timeout_s
        for runner in self._runners:
            runner.stopping.set()
            runner.wake.set()
        for runner in self._runners:
            runner.join(max(0.0, until - monotonic()))
            runner.halted.set()
        return self.error is None and all(one.ended() for one in self._runners)

    def _failed(self, error: BaseException) -> None:
        self.error = self.error or error
