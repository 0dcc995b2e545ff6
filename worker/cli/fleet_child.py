"""A process that the daemon of the Java library starts for one shard of a fleet."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from random import random
from threading import Event, Thread
from time import monotonic
from typing import Final

from worker.errors import VoiceInsightsError
from worker.fleet.daemon_child import DaemonChild
from worker.fleet.engine_daemon import TASK_ALIVE
from worker.fleet.guard import Fail
from worker.fleet.task import Role, RoleHost

_LOOK_EVERY_S: Final = 0.5


class ChildOf:
    """Serves one shard of ``role``. From when it is made, whatever else is written to standard
    output goes to standard error: the daemon reads lines of its own there.
    """

    def __init__(self, role: Role) -> None:
        self.role: Final = role
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)

    def serve(
        self, host: RoleHost, fail: Fail, look: Callable[[], object], shutdown_s: float
    ) -> None:
        """Serve until the daemon closes standard input, and stop within ``shutdown_s``. ``look`` is
        called regularly.
        """
        done = Event()

        def watch() -> None:
            try:
                while not done.wait(_LOOK_EVERY_S):
                    look()
            except BaseException as error:
                fail(error)

        # a pipe that has no other end by now would not be opened otherwise
        alive = os.open(os.environ[TASK_ALIVE], os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(alive, True)

        def outlive() -> None:
            """The daemon goes on without the task that has started it, unless its children end."""
            os.read(alive, 1)
            if not done.is_set():
                fail(VoiceInsightsError("the task of this shard's process has ended"))

        for name, work in (("fleet-look", watch), ("fleet-outlive", outlive)):
            Thread(target=work, name=name, daemon=True).start()
        host.start()
        lines = iter(sys.stdin.buffer.readline, b"")
        DaemonChild(lines, self._say, host.processor(), fail, random).run()
        done.set()
        host.stop(monotonic() + shutdown_s)

    def _say(self, line: bytes) -> None:
        self._out.write(line)
        self._out.flush()
