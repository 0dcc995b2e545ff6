"""How often a log line is repeated: what happens many times a second is told now and then."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Final

AT_ONCE: Final = 5
"""So many lines of one kind may follow each other."""

EVERY_S: Final = 15.0
"""Then one is told every so many seconds, which also pays back what was told at once."""


@dataclass(slots=True)
class _Kind:
    allowance: float
    at_s: float
    left_out: int = 0


class RepeatLimit:
    """Decides, line by line. Safe for threads. ``monotonic`` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = Lock()
        self._kinds: dict[Hashable, _Kind] = {}
        self._untold = 0

    def admit(self, kind: Hashable) -> int | None:
        """None if a line of this kind is to be left out; else how many were, since the last one."""
        with self._lock:
            now = self._monotonic()
            one = self._kinds.setdefault(kind, _Kind(AT_ONCE, now))
            one.allowance = min(AT_ONCE, one.allowance + (now - one.at_s) / EVERY_S)
            one.at_s = now
            if one.allowance < 1:
                one.left_out += 1
                self._untold += 1
                return None
            one.allowance -= 1
            left_out, one.left_out = one.left_out, 0
            return left_out

    def drain_left_out(self) -> int:
        """How many lines of all kinds were left out since this was asked last."""
        with self._lock:
            untold, self._untold = self._untold, 0
        return untold
