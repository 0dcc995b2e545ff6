"""The fleet's case: what routing costs a record, and whether partitions scale with processes."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from shutil import rmtree
from typing import Final

from tests.bench.cases import Bench, Figures
from tests.bench.processes import measure
from tests.bench.report import Row, at_least, at_most, beside, ratio, speeds

_SPEED: Final = "records/s"
_LEAST_SCALING: Final = 1.9


def fleet(bench: Bench) -> list[Row]:
    """Records to bundles, and bundles to encoded requests in SQLite: nothing is fetched or put.
    Beside them a worker alone with the same records, and two processes with half the buckets each.
    """
    recording = bench.folder / "recording"
    found = bench.interleaved(
        {
            "router": lambda: measure("fleet", "router", recording),
            "single": _stateful(bench, "single"),
            "whole": _stateful(bench, "partitions", 0, 1),
            "first half": _stateful(bench, "partitions", 0, 2),
            "second half": _stateful(bench, "partitions", 1, 2),
        }
    )
    router, single, whole = (speeds(found[name]) for name in ("router", "single", "whole"))
    halves = speeds(map(_both, found["first half"], found["second half"]))
    both = [1 / (1 / one + 1 / other) for one, other in zip(router, whole, strict=True)]
    sizes = [one["bytes"] / one["records"] for one in found["router"]]
    return [
        at_least("fleet", "router: records to bundles", router, _SPEED),
        at_least("fleet", "partitions: bundles to encoded requests in SQLite", whole, _SPEED),
        _scaling("partitions, two processes on two cores", halves, whole),
        at_least("fleet", "router and partitions on one core", both, _SPEED),
        beside("fleet", "one worker: records to encoded requests in SQLite", both, single, _SPEED),
        at_most("fleet", "the keyed stream", sizes, "bytes a record"),
    ]


def _scaling(what: str, halves: list[float], whole: list[float]) -> Row:
    """A row that tells how many times what one process does two do, by their CPU seconds."""
    on_two = [2 * one for one in halves]
    times = ratio(on_two, whole)
    target, met = f"× ≥ {_LEAST_SCALING}", times >= _LEAST_SCALING
    return Row("fleet", what, statistics.median(on_two), _SPEED, times, target, met, tuple(on_two))


def _both(one: Figures, other: Figures) -> Figures:
    return {name: one[name] + other[name] for name in ("records", "cpu_s")}


def _stateful(bench: Bench, name: str, *which: int) -> Callable[[], Figures]:
    def run() -> Figures:
        folder = bench.folder / "fleet"
        rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return measure("fleet", name, bench.folder / "recording", folder, *which)

    return run
