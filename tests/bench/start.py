"""Case (e): ``python -m tests.bench.start ENDPOINT STATE BEGAN``, timed from its very start."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.bench.live import Worker
from tests.bench.peers.measured import Stopwatch, tell
from worker.cli.gc_tuning import tune_collector
from worker.cli.run import run


def first_fold(endpoint: str, state: str, began: float) -> dict[str, float]:
    """Seconds from ``began``, the monotonic time at which the process was started, and its CPU
    seconds up to then.
    """
    tune_collector()
    worker = Worker(endpoint, Path(state))
    taken: dict[str, float] = {}

    def deadline() -> float | None:
        if worker.folded and not taken:
            with Stopwatch().running():  # instructions are counted up to here
                taken["seconds"] = time.monotonic() - began
                taken["cpu_s"] = time.process_time()
        return worker.deadline(1)

    worker.service.run(deadline)
    return taken


if __name__ == "__main__":
    assert run.name == "run"  # what the program itself imports counts, too
    tell(**first_fold(sys.argv[1], sys.argv[2], float(sys.argv[3])))
