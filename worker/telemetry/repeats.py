"""A rate limit on repeats of a log line, for conditions that occur many times a second."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Final

AT_ONCE: Final = 5
"""The lines of one kind that may be logged in a burst."""

EVERY_S: Final = 15.0
"""After a burst, the seconds per further line of the kind; the burst refills at the same rate."""


@dataclass(slots=True)
class _Kind:
    allowance: float
    at_s: float
    left_out: int = 0


class RepeatLimit:
    """A token bucket for each kind of line. Safe for threads. ``monotonic`` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = Lock()
        self._kinds: dict[Hashable, _Kind] = {}
        self._unreported = 0

    def admit(self, kind: Hashable) -> int | None:
        """Decide on a line of this kind: None to leave it out, else how many lines of the kind
        were left out since the last one admitted.
        """
        with self._lock:
            now = self._monotonic()
            one = self._kinds.setdefault(kind, _Kind(AT_ONCE, now))
            one.allowance = min(AT_ONCE, one.allowance + (now - one.at_s) / EVERY_S)
            one.at_s = now
            if one.allowance < 1:
                one.left_out += 1
                self._unreported += 1
                return None
            one.allowance -= 1
            left_out, one.left_out = one.left_out, 0
            return left_out

    def drain_left_out(self) -> int:
        """Return how many lines of all kinds were left out since the last call."""
        with self._lock:
            unreported, self._unreported = self._unreported, 0
        return unreported
