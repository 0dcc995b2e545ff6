"""Over how many shards a session's events lie. Pure.

Nobody promises that a session's events share a partition key. If none ever came from two shards
it seems that they do, and a fleet of workers could do without a router.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from worker.events.event import SessionKey

_SESSIONS: Final = 20_000


class Spread:
    """Of the sessions last begun, ``most`` at most, which came from more than one shard."""

    def __init__(self, most: int = _SESSIONS) -> None:
        self._most = most
        self._first: dict[SessionKey, str] = {}
        self._spread: set[SessionKey] = set()

    def seen(self, shard: str, sessions: Iterable[SessionKey]) -> None:
        """Events of these sessions came from ``shard``."""
        for key in sessions:
            if self._first.setdefault(key, shard) != shard:
                self._spread.add(key)
        surplus = len(self._first) - self._most
        for key in list(islice(self._first, max(0, surplus))):
            del self._first[key]
            self._spread.discard(key)

    @property
    def share(self) -> float | None:
        """0 … 1; None before the first session."""
        return len(self._spread) / len(self._first) if self._first else None
