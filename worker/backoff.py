"""Exponential backoff with full jitter: how long to wait before another attempt. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_MOST_DOUBLINGS: Final = 32
"""Enough doublings to reach any longest wait, without exceeding a float's range."""


def ceiling(first: float, longest: float, doublings: int) -> float:
    """Return ``first`` doubled ``doublings`` times, but at most ``longest``; all in one unit of
    time.
    """
    return min(longest, first * float(2 ** min(doublings, _MOST_DOUBLINGS)))


def full_jitter(first: float, longest: float, doublings: int, random: Callable[[], float]) -> float:
    """Return a wait drawn uniformly from 0 to the ceiling; ``random`` returns numbers in [0, 1)."""
    return random() * ceiling(first, longest, doublings)
