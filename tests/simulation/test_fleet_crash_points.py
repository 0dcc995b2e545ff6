"""A fleet's promises, tried out by moving leases, crashes, stalls and faults at any step.

``SIMULATION_SEEDS`` says how many seeds are tried of a single worker; of a fleet it is a tenth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.simulation.__main__ import report
from tests.simulation.fleet.plan import draw_fleet
from tests.simulation.fleet.running import run_fleet
from tests.simulation.fleet.tasks import FleetWorker
from tests.simulation.running import run, silent
from tests.simulation.test_crash_points import SEEDS, calm
from worker.fleet.keyed_processor import KeyedProcessor
from worker.fleet.partitions import PartitionsHost
from worker.fleet.processor import Checkpointed, Checkpointer, LeasedRecord
from worker.fleet.router import Router, RouterHost

FLEET_SEEDS = SEEDS // 10
BLOCK = 10


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, FLEET_SEEDS, BLOCK))
def test_a_fleet_loses_nothing_and_counts_nothing_twice_beyond_its_bound(first: int) -> None:
    for seed in range(first, min(first + BLOCK, FLEET_SEEDS)):
        plan = draw_fleet(seed)
        laws = run(plan)
        if laws:
            pytest.fail(report(plan, laws, shrink=True), pytrace=False)


def test_a_fleet_without_faults_breaks_no_law() -> None:
    for seed in range(3):
        assert run(calm(draw_fleet(seed))) == []


def test_a_seed_makes_the_same_run_of_a_fleet_each_time() -> None:
    traces: list[list[str]] = [[], []]
    for trace in traces:
        run(draw_fleet(5), trace.append)
    assert len(traces[0]) > 100
    assert traces[0] == traces[1]


# What the simulation is there to find, it finds.


class HastyProcessor(KeyedProcessor):
    """Checkpoints what it has received, committed or not."""

    def _settle(self, checkpoint: Checkpointer) -> None:
        if self._fenced is None and self._settled != self._read[0]:
            self._settled = self._read[0] or self._settled
        super()._settle(checkpoint)


class HastyHost(PartitionsHost):
    def processor(self) -> KeyedProcessor:
        return HastyProcessor(self)


class Hasty(FleetWorker):
    """Whose keyed shards are checkpointed before their buckets' commits."""

    partitions_host = HastyHost


class CarelessRouter(Router):
    """Checkpoints a batch before it is put."""

    def process(
        self, records: Sequence[LeasedRecord], millis_behind: int | None, checkpoint: Checkpointer
    ) -> None:
        if records and not self._lost:
            checkpoint(records[-1].record.sequence_number)
        super().process(records, millis_behind, lambda _sequence=None: Checkpointed.MADE)


class CarelessHost(RouterHost):
    def processor(self) -> Router:
        return CarelessRouter(self, self._parts)


class Careless(FleetWorker):
    """Whose source shards are checkpointed before their records are in the keyed stream."""

    router_host = CarelessHost


class EagerHost(RouterHost):
    """Takes any silent shard for one that has been read to its tip."""

    def probe(self) -> None:
        for router in self._routers.values():
            if router.silent(self._parts.monotonic()):
                router.routing.caught_up(int(self._parts.monotonic() * 1000))


class Eager(FleetWorker):
    """Whose stream time doesn't wait for what is still to be read."""

    router_host = EagerHost


@pytest.mark.slow
@pytest.mark.parametrize("worker", [Hasty, Careless, Eager])
def test_a_fleet_that_breaks_a_law_is_found_out(worker: type[FleetWorker]) -> None:
    failing = next(
        plan
        for plan in (replace(draw_fleet(seed), store="sqlite") for seed in range(100))
        if run_fleet(plan, silent, None, worker)
    )
    assert run(failing) == []
