"""One task of a fleet: one or both roles, each an application of the engine, in one process. Shell.

A task ends with the first error of a callback or a thread, by ``fail``. Asked to stop, it first
commits its partitions, since engines may end processors without a call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Thread
from time import monotonic, sleep
from typing import Final, Literal, NamedTuple, Protocol

from worker.fleet.guard import Fail
from worker.fleet.processor import FleetApplication, FleetEngine, Processor

Role = Literal["router", "partitions"]
"""``router``: reads the source and puts bundles into the keyed stream. ``partitions``: reads the
keyed stream.
"""

ROLES: Final[tuple[Role, ...]] = ("router", "partitions")

_LOOK_EVERY_S: Final = 0.2


class RoleHost(Protocol):
    """The part of one role in a process."""

    def processor(self) -> Processor:
        """Return the processor of one more leased shard."""
        ...

    def start(self) -> None:
        """Start threads of its own."""
        ...

    def stop(self, deadline: float) -> None:
        """Take no more records; make durable what can be until ``deadline`` (monotonic)."""
        ...


class HostedRole(NamedTuple):
    """A role in a process, and the application that leases its shards."""

    host: RoleHost
    application: FleetApplication


class FleetTask:
    """A task of ``roles``, stopped in their order. ``fail``: see ``guard``."""

    def __init__(self, engine: FleetEngine, roles: Sequence[HostedRole], fail: Fail) -> None:
        self._engine = engine
        self._roles = roles
        self._fail = fail
        self._stop = Event()

    def run(self, deadline: Callable[[], float | None]) -> None:
        """Work until ``deadline`` returns an instant (``time.monotonic``), and end before it."""
        threads = [self._thread(one) for one in self._roles]
        while (end := deadline()) is None:
            sleep(_LOOK_EVERY_S)
        for role in self._roles:
            role.host.stop(end)
        self._stop.set()
        for thread in threads:
            thread.join(max(0.0, end - monotonic()))

    def _thread(self, role: HostedRole) -> Thread:
        def work() -> None:
            try:
                self._engine.run(role.application, self._stop.is_set)
            except BaseException as error:
                self._fail(error)

        role.host.start()
        thread = Thread(target=work, name=role.application.name, daemon=True)
        thread.start()
        return thread
