"""One run of a plan from its beginning to the verdict, and the search for a smaller one."""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

from tests.simulation.buckets import open_bucket
from tests.simulation.driver import Driver
from tests.simulation.fleet.running import run_fleet
from tests.simulation.laws import broken
from tests.simulation.plan import Plan
from tests.simulation.watched import Watch
from tests.simulation.workers import STREAM
from tests.simulation.world import Say, World
from worker.state.sqlite.store import Compaction, SqliteStore
from worker.state.store import Store


def silent(_line: str) -> None:
    """No trace."""


def run(
    plan: Plan, say: Say = silent, open_file: Callable[[Path], Store] | None = None
) -> list[str]:
    """The laws that a run of ``plan`` breaks, a line each; ``say`` gets the trace.

    ``open_file``: the store of a path in a folder that is the run's own, for plans that keep
    state in a file; each worker opens it.
    """
    if plan.buckets:
        return run_fleet(plan, say, _in_memory())
    with tempfile.TemporaryDirectory(prefix="simulation-", dir=_in_memory()) as folder:
        path = Path(folder) / "state.sqlite"
        world = World(plan, say)
        numbers = count()

        def open_store(watch: Watch) -> Store:
            if plan.store == "sqlite":
                return (open_file or _open_file)(path)
            return open_bucket(world.bucket, watch, world.sleep, lambda: next(numbers))

        driver = Driver(world, open_store)
        try:
            driver.run()
            unwatched = Watch("", world.ledger, lambda _: None, say)
            return _verdict(world, open_store(unwatched))
        except Exception as error:
            say(traceback.format_exc())
            return [*world.broken, f"it raised {error!r}"]
        finally:
            driver.stop()


def _open_file(path: Path) -> Store:
    return SqliteStore(path, Compaction(commits=5))


def _verdict(world: World, store: Store) -> list[str]:
    try:
        return broken(world, store, store.acquire(STREAM))
    finally:
        store.close()


def shrunk(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """A failing plan none of whose faults can be left out alone."""
    size = max(1, len(plan.faults) // 2)
    while plan.faults:
        for start in reversed(range(0, len(plan.faults), size)):
            smaller = replace(plan, faults=plan.faults[:start] + plan.faults[start + size :])
            if fails(smaller):
                plan = smaller
        if size == 1:
            break
        size //= 2
    return plan


def _in_memory() -> str | None:
    """Where files need no disk, if there is such a place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
