"""Instants in epoch milliseconds and the minutes that they lie in. Pure."""

from __future__ import annotations

from typing import Final

MINUTE: Final = 60_000
"""Milliseconds."""

BEFORE_ALL: Final = -(1 << 62)
"""Before any instant."""

AFTER_ALL: Final = 1 << 62
"""After any instant."""


def minute_of(instant: int) -> int:
    """The start of an instant's minute."""
    return instant - instant % MINUTE
