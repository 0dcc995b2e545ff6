"""One run of a fleet's plan from its beginning to the verdict."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

from msgspec.structs import replace

from tests.simulation.buckets import open_bucket
from tests.simulation.fleet.driver import FleetDriver
from tests.simulation.fleet.tasks import FleetWorker
from tests.simulation.fleet.world import FleetWorld
from tests.simulation.laws import Undisturbed, broken_promises
from tests.simulation.plan import Plan
from tests.simulation.watched import Watch
from tests.simulation.world import Say
from worker.events.event import SessionKey
from worker.metrics.totals import merge_totals
from worker.partition.accounting import ACCOUNTED
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import Delta
from worker.state.sqlite.store import SqliteStore
from worker.state.store import Store


def run_fleet(
    plan: Plan, say: Say, folder: str | None, worker: type[FleetWorker] = FleetWorker
) -> list[str]:
    """The laws that a run of ``plan`` breaks, a line each; ``say`` gets the trace. ``folder``:
    where its files may be. ``worker``: its tasks.
    """
    with tempfile.TemporaryDirectory(prefix="simulation-", dir=folder) as own:
        world = FleetWorld(plan, say)
        driver = FleetDriver(world, Path(own), worker)
        try:
            driver.run()
            if world.broken:
                return world.broken
            return _verdict(driver, world, Path(own))
        except Exception as error:
            say(traceback.format_exc())
            return [*world.broken, f"it raised {error!r}"]
        finally:
            driver.stop()


def _verdict(driver: FleetDriver, world: FleetWorld, folder: Path) -> list[str]:
    calm = Undisturbed(world.plan.rules, world.put)
    states: list[Delta] = []
    evicted: dict[SessionKey, EvictedSession] = {}
    wrong: list[str] = []
    for bucket in range(driver.layout.buckets):
        with closing(_opened(world, bucket, folder)) as store:
            states.append(store.acquire(driver.layout.identity(bucket)))
            found = store.load_sessions(list(calm.records))
        wrong += [
            f"{key.session_id} is kept in bucket {bucket}"
            for key in found
            if driver.layout.bucket_of(key.session_id) != bucket
        ]
        evicted.update(found)
    whole = _sum(states)
    return [*broken_promises(world, calm, evicted, whole), *wrong, *_accounts(states)]


def _opened(world: FleetWorld, bucket: int, folder: Path) -> Store:
    if world.plan.store == "sqlite":
        return SqliteStore(folder / str(bucket))
    unwatched = Watch("", world.ledgers[bucket], lambda _: None, lambda _: None)
    return open_bucket(world.buckets[bucket], unwatched, world.sleep, count().__next__)


def _sum(states: list[Delta]) -> Delta:
    """One state that counts what all of these do."""
    whole = Delta()
    for state in states:
        for name, counted in state.counters.items():
            whole.counters[name] = whole.counters.get(name, 0) + counted
        whole.sessions = [*whole.sessions, *state.sessions]
        if state.totals is not None:
            # each bucket's totals have a beginning of their own
            joined = replace(state.totals, begins=False)
            whole.totals = merge_totals(whole.totals, joined)
    return whole


def _accounts(states: list[Delta]) -> Iterator[str]:
    """The accounting law holds of each bucket, and not only of their sum."""
    for bucket, state in enumerate(states):
        now = {name: state.counters.get(name, 0) for name in ACCOUNTED}
        outcomes = sum(now[name] for name in ("test_events", "ignored", "dead_letters", "events"))
        events = sum(now[name] for name in ("folded", "duplicates", "cut", "erased"))
        if (now["occurrences"], now["events"]) != (outcomes, events):
            yield f"law 8: bucket {bucket} leaves occurrences unaccounted for: {now}"
