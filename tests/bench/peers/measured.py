"""One measurement: what a process tells of its own run, as a line of JSON on standard output."""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """CPU seconds of the process, all threads, and of its children that have ended, and wall
    seconds; adds up over stretches.
    """

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.wall_s = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        cpu, wall = _cpu_s(), time.perf_counter()
        try:
            yield
        finally:
            self.cpu_s += _cpu_s() - cpu
            self.wall_s += time.perf_counter() - wall


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def settle() -> None:
    """What is there before the watch starts is no business of the garbage collector's."""
    gc.collect()
    gc.freeze()


def tell(**figures: object) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()
