"""The worker's promises, tried out by crashes, faults and other workers at any step.

``SIMULATION_SEEDS`` says how many seeds are tried; 300 by default. A seed that fails is told
with the fewest of its faults that still make it fail, and with the command that shows the run.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation.__main__ import report
from tests.simulation.plan import Plan, draw
from tests.simulation.running import run, shrunk
from tests.simulation.workers import STREAM
from worker.errors import Fenced
from worker.outbox.entries import Entry, EntryKind, Settled
from worker.partition.delta import Delta
from worker.state.sqlite.store import SqliteStore
from worker.state.store import Commit

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "300"))
BLOCK = 25


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_nothing_is_lost_and_nothing_counts_twice_beyond_its_bound(first: int) -> None:
    for seed in range(first, min(first + BLOCK, SEEDS)):
        plan = draw(seed)
        laws = run(plan)
        if laws:
            pytest.fail(report(plan, laws, shrink=True), pytrace=False)


def test_a_run_without_faults_breaks_no_law() -> None:
    for seed in range(3):
        assert run(calm(draw(seed))) == []


def test_a_seed_makes_the_same_run_each_time() -> None:
    traces: list[list[str]] = [[], []]
    for trace in traces:
        run(draw(6), trace.append)
    assert len(traces[0]) > 100
    assert traces[0] == traces[1]


def test_a_failing_plan_shrinks_to_the_faults_that_it_needs() -> None:
    plan = next(plan for plan in map(draw, range(1000)) if len(plan.faults) > 20)
    needed = {plan.faults[3], plan.faults[17]}
    assert set(shrunk(plan, lambda one: needed <= set(one.faults)).faults) == needed


# What the simulation is there to find, it finds.


class Forgetful(SqliteStore):
    """Knows nothing of attempts that were under way when their worker ended."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = path

    def acquire(self, stream: str) -> Delta:
        if self._file.exists():
            with closing(sqlite3.connect(self._file)) as db:
                db.execute("UPDATE outbox SET state = 'PENDING'")
                db.commit()
        return super().acquire(stream)


class Hasty(SqliteStore):
    """Commits positions at once, and what was read up to them with the next commit."""

    _rest: Commit | None = None

    def append(self, commit: Commit) -> None:
        super().append(Commit(Delta(positions=commit.delta.positions), [], [], None))
        rest, self._rest = self._rest, commit
        if rest is not None:
            super().append(rest)


class Unfenced(SqliteStore):
    """Takes the partition back wherever another worker has taken it, and goes on."""

    def append(self, commit: Commit) -> None:
        self._insist()
        super().append(commit)

    def claim(self, kind: EntryKind, most: int) -> list[Entry]:
        self._insist()
        return super().claim(kind, most)

    def settle(self, settled: Iterable[Settled]) -> None:
        self._insist()
        super().settle(settled)

    def _insist(self) -> None:
        try:
            super().settle([])
        except Fenced:
            self.acquire(STREAM)


@pytest.mark.slow
@pytest.mark.parametrize("store", [Forgetful, Hasty, Unfenced])
def test_a_store_that_breaks_a_law_is_found_out(store: type[SqliteStore]) -> None:
    def fails(plan: Plan) -> bool:
        return run(plan, open_file=store) != []

    failing = next(
        plan
        for plan in (replace(draw(seed), store="sqlite") for seed in range(SEEDS))
        if fails(plan) and not fails(calm(plan))
    )
    smallest = shrunk(failing, fails)
    assert 0 < len(smallest.faults) <= len(failing.faults)
    assert run(smallest) == []


def calm(plan: Plan) -> Plan:
    return replace(plan, faults=())
