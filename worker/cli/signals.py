"""SIGTERM, SIGINT and SIGHUP, and by when a worker that was told to end will have ended."""

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
    """Told to end before there was anything to end."""


class Signals:
    """The first signal asks the worker to end within ``shutdown_s``, a second one ends it.

    Whatever a thread is in the midst of when the time is up, the process ends: to the state that
    is a crash, and safe. A plain attribute tells of the signal: a handler runs amid any line of
    the main thread, and a lock that this thread holds at that moment would never come free.
    """

    def __init__(self, shutdown_s: float) -> None:
        self._shutdown_s = shutdown_s
        self._told_at: float | None = None
        self._begun = False
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        signal.signal(signal.SIGALRM, self._time_is_up)
        signal.signal(signal.SIGHUP, self._end if sys.stderr.isatty() else self._reopen)

    def begun(self) -> None:
        """From now on there is something to end in good order."""
        self._begun = True

    def deadline(self) -> float | None:
        """Once asked to end: when the last work is to be over (``time.monotonic``), some time
        before ``shutdown_s`` have passed.
        """
        if self._told_at is None:
            return None
        return self._told_at + self._shutdown_s - min(_LAST_S, self._shutdown_s / 2)

    def over(self) -> None:
        """All work has ended."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def sleep(self, seconds: float) -> None:
        """Let time pass, in any thread, before something that didn't answer is asked again.

        Raises ``Stopped`` soon after a signal if nothing has begun; else ``Unreachable`` when
        half the time to end has passed, so that what was waiting can still say so.
        """
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            self._give_up_in_time()
            sleep(min(left, _LOOK_EVERY_S))
        self._give_up_in_time()

    def _give_up_in_time(self) -> None:
        if self._told_at is None:
            return
        if not self._begun:
            raise Stopped
        if monotonic() - self._told_at >= self._shutdown_s / 2:
            raise Unreachable(
                "told to end while the state could not be reached; what isn't committed will be "
                "read again"
            )

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        if self._told_at is not None:
            os._exit(_INTERRUPTED)
        self._told_at = monotonic()
        signal.setitimer(signal.ITIMER_REAL, self._shutdown_s)

    def _reopen(self, _number: int, _frame: FrameType | None) -> None:
        """Sent where a terminal isn't what hangs up, so that files are opened anew. They are: each
        entry goes into the file that lies at its path by then.
        """

    def _time_is_up(self, _number: int, _frame: FrameType | None) -> None:
        os._exit(Unreachable.exit_code)
