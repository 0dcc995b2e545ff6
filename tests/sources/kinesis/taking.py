"""Taking from what reads a stream by the real clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 20.0
"""Seconds; only a broken reader uses them up."""


def wall_clock() -> int:
    """Epoch ms."""
    return time.time_ns() // 1_000_000


def take_until(take: Callable[[float], Iterable[T]], enough: Callable[[list[T]], bool]) -> list[T]:
    """All that is taken until it is enough."""
    taken: list[T] = []
    deadline = time.monotonic() + PATIENCE
    while not enough(taken):
        assert time.monotonic() < deadline, "the reader never got there"
        taken += take(PATIENCE)
    return taken
