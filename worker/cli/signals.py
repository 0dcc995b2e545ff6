"""SIGTERM, SIGINT and SIGHUP, and the deadline of a worker that was asked to stop."""

from __future__ import annotations

import os
import signal
import sys
from time import monotonic, sleep
from types import FrameType
from typing import Final

from worker.errors import Unreachable

_INTERRUPTED: Final = 130
_LOOK_EVERY_S: Final = 0.2
_LAST_S: Final = 3.0


class Stopped(Exception):
    """Raised if the worker is asked to stop before it has begun to work."""


class Signals:
    """The first signal asks the worker to stop within ``shutdown_s``; a second one ends it.

    When the time is up the process exits, whatever its threads are doing: to the state that is a
    crash, which is safe. The signal is recorded in a plain attribute: a handler interrupts any
    line of the main thread, and would wait forever for a lock that this thread holds.
    """

    def __init__(self, shutdown_s: float) -> None:
        self._shutdown_s = shutdown_s
        self._asked_at: float | None = None
        self._begun = False
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        signal.signal(signal.SIGALRM, self._time_is_up)
        signal.signal(signal.SIGHUP, self._end if sys.stderr.isatty() else self._reopen)

    def begun(self) -> None:
        """Note that work has begun, which a signal must let finish."""
        self._begun = True

    def deadline(self) -> float | None:
        """After a signal, the time (``time.monotonic``) by which work should finish, somewhat
        before ``shutdown_s`` have passed; None before a signal.
        """
        if self._asked_at is None:
            return None
        return self._asked_at + self._shutdown_s - min(_LAST_S, self._shutdown_s / 2)

    def over(self) -> None:
        """Note that all work has ended, and cancel the forced exit."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def sleep(self, seconds: float) -> None:
        """Sleep, in any thread, before retrying a service that didn't answer.

        After a signal, raises ``Stopped`` soon if no work has begun; else raises ``Unreachable``
        once half of the time to stop has passed, so that the caller can still report it.
        """
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            self._give_up_in_time()
            sleep(min(left, _LOOK_EVERY_S))
        self._give_up_in_time()

    def _give_up_in_time(self) -> None:
        if self._asked_at is None:
            return
        if not self._begun:
            raise Stopped
        if monotonic() - self._asked_at >= self._shutdown_s / 2:
            raise Unreachable(
                "asked to stop while the state could not be reached; whatever isn't committed "
                "will be read again"
            )

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked_at is not None:
            os._exit(_INTERRUPTED)
        self._asked_at = monotonic()
        signal.setitimer(signal.ITIMER_REAL, self._shutdown_s)

    def _reopen(self, _number: int, _frame: FrameType | None) -> None:
        """Ignore SIGHUP without a terminal, where it asks to reopen files: every entry is written
        to the file that is at its path at that time anyway.
        """

    def _time_is_up(self, _number: int, _frame: FrameType | None) -> None:
        os._exit(Unreachable.exit_code)
