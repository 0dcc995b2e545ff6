"""Garbage in cycles doesn't pile up in a process that makes little else."""

from __future__ import annotations

import gc
import weakref

from worker.cli.gc_tuning import tune_collector


class Cycle:
    """As botocore's parsers, it refers to itself by a bound method."""

    def __init__(self) -> None:
        self.own = self.__init__  # type: ignore[misc]


def test_few_cycles_wait_for_the_collector() -> None:
    before = gc.get_threshold()
    tune_collector()
    try:
        made = [weakref.ref(Cycle()) for _ in range(20_000)]
        assert sum(one() is not None for one in made) <= 5_000
    finally:
        gc.set_threshold(*before)
