"""How long to wait before another attempt: full jitter, and what an HTTP service asks for. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
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


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds that an answer's ``Retry-After`` asks to wait; 0 if it is absent or unreadable.

    ``headers``: by names in lower case. A date is relative to the answer's own ``Date``.
    """
    value = headers.get("retry-after", "").strip()
    if value.isdecimal() and value.isascii():
        return float(value[:9])
    until, now = _date(value), _date(headers.get("date", ""))
    if until is None or now is None:
        return 0.0
    return max(0.0, (until - now) / timedelta(seconds=1))


def _date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # an offset beyond any zone overflows
        return None
    return date if date.tzinfo is not None else None
