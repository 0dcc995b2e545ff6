"""The fleet's case: what routing costs a record, and whether partitions scale with processes.

Nothing is fetched or put. Beside the fleet stands one worker with the same records.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from shutil import rmtree
from typing import Final

from tests.bench.bench import Bench, Figures, Runs, fixed
from tests.bench.cases import SPEED
from tests.bench.processes import program
from tests.bench.report import Row, at_least, at_most, beside, cheaper, ratio, speeds
from tests.bench.work import WORK

_ROUTER: Final = "router: records to bundles"
_PARTITIONS: Final = "partitions: bundles to encoded requests in SQLite"
_TOGETHER: Final = "router and partitions on one core"
_SINGLE: Final = "one worker: records to encoded requests in SQLite"
_LEAST_SCALING: Final = 1.9


def fleet(bench: Bench) -> list[Row]:
    """By time; two processes have half the buckets each."""
    states = bench.folder / "fleet"
    inputs = bench.inputs(bench.sizes.records)
    found = bench.interleaved(
        _runs(inputs, states, 2), prepare=lambda: rmtree(states, ignore_errors=True)
    )
    router, single, whole = (speeds(found[name]) for name in ("router", "single", "whole"))
    halves = speeds(map(_both, found["half 1"], found["half 2"]))
    together = [1 / (1 / one + 1 / other) for one, other in zip(router, whole, strict=True)]
    sizes = [one["bytes"] / one["records"] for one in found["router"]]
    return [
        at_least("fleet", _ROUTER, router, SPEED),
        at_least("fleet", _PARTITIONS, whole, SPEED),
        _scaling("partitions, two processes on two cores", halves, whole),
        at_least("fleet", _TOGETHER, together, SPEED),
        beside("fleet", _SINGLE, together, single, SPEED),
        at_most("fleet", "the keyed stream", sizes, "bytes a record"),
    ]


def fleet_work(bench: Bench) -> list[Row]:
    """In machine instructions."""
    states = bench.folder / "fleet-counted"
    rmtree(states, ignore_errors=True)
    counted = bench.counted(_runs(bench.inputs(bench.sizes.counted), states, 1))
    router, single, whole = (counted[name].a_record for name in ("router", "single", "whole"))
    return [
        at_most("fleet-work", _ROUTER, [router], WORK),
        at_most("fleet-work", _PARTITIONS, [whole], WORK),
        at_most("fleet-work", _TOGETHER, [router + whole], WORK),
        cheaper("fleet-work", _SINGLE, router + whole, single, WORK),
    ]


def _runs(inputs: Path, states: Path, most: int) -> Runs:
    recording = inputs / "recording"
    runs = {
        "router": fixed(program("runs", "router", recording)),
        "single": fixed(program("runs", "single", recording, states / "single")),
        "whole": fixed(program("runs", "partitions", recording, states / "whole", 0, 1)),
    }
    for part in range(most) if most > 1 else ():
        of_part = recording, states / f"half-{part}", part, most
        runs[f"half {part + 1}"] = fixed(program("runs", "partitions", *of_part))
    return runs


def _scaling(what: str, halves: list[float], whole: list[float]) -> Row:
    """A row that tells how many times what one process does two do, by their CPU seconds."""
    on_two = [2 * one for one in halves]
    times = ratio(on_two, whole)
    target, met = f"× ≥ {_LEAST_SCALING}", times >= _LEAST_SCALING
    return Row("fleet", what, statistics.median(on_two), SPEED, times, target, met, tuple(on_two))


def _both(one: Figures, other: Figures) -> Figures:
    return {name: one[name] + other[name] for name in ("records", "cpu_s")}
