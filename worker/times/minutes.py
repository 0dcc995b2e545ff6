"""Instants in epoch milliseconds and the minutes that they belong to. Pure."""

from __future__ import annotations

from typing import Final

MINUTE: Final = 60_000
"""Milliseconds."""

BEFORE_ALL: Final = -(1 << 62)
"""An instant before any other."""

AFTER_ALL: Final = 1 << 62
"""An instant after any other."""


def minute_of(instant: int) -> int:
    """Return the start of an instant's minute."""
    return instant - instant % MINUTE
