"""Work counted in calls, which are the same on every machine and at every load."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any


def calls_by_name(work: Callable[[], object]) -> Counter[str]:
    """The functions, Python's and built-in ones, that are called while ``work`` runs.

    Garbage is left for later: hypothesis has callbacks at each collection, whose calls are none
    of the work's.
    """
    count: Counter[str] = Counter()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            count[frame.f_code.co_qualname] += 1
        elif event == "c_call":
            count[argument.__qualname__] += 1

    before, collecting = sys.getprofile(), gc.isenabled()
    gc.disable()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
        if collecting:
            gc.enable()
    return count


def calls(work: Callable[[], object]) -> int:
    """How many calls ``work`` makes."""
    return calls_by_name(work).total()
