"""How long to wait before another attempt: exponential backoff with full jitter. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_MOST_DOUBLINGS: Final = 32
"""Beyond these every longest wait is reached, and a float's range is not."""


def ceiling(first: float, longest: float, doublings: int) -> float:
    """``first``, doubled so many times, but at most ``longest``; all in one unit of time."""
    return min(longest, first * float(2 ** min(doublings, _MOST_DOUBLINGS)))


def full_jitter(first: float, longest: float, doublings: int, random: Callable[[], float]) -> float:
    """A wait drawn evenly from 0 up to the ceiling; ``random`` gives numbers in [0, 1)."""
    return random() * ceiling(first, longest, doublings)
