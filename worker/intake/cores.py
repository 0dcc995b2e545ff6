"""Whether reading is to have a process of its own: what the worker may use, and needs. Shell."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final, Literal

Choice = Literal["auto", "on", "off"]

_MANY_SHARDS: Final = 16
"""From so many on, what they may bring is more than half of what a core can do."""
_ENOUGH_CORES: Final = 2.0

CPU_MAX: Final = Path("/sys/fs/cgroup/cpu.max")
"""A container's quota and its period, both in µs; the quota may be ``max``."""


def cores(cpu_max: Path = CPU_MAX) -> float:
    """Those that the system lets this process run on, or its container's share if that is less."""
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    try:
        quota, period = cpu_max.read_text(encoding="ascii").split()
        return min(allowed, int(quota) / int(period))
    except (OSError, ValueError, ZeroDivisionError):  # no such limit
        return allowed


def worth_a_process(choice: Choice, shards: int, available: float) -> bool:
    """Whether a stream of so many shards is read by a process of its own, if that is the setting
    and so many cores are ``available``.
    """
    if choice == "auto":
        return shards >= _MANY_SHARDS and available >= _ENOUGH_CORES
    return choice == "on"
