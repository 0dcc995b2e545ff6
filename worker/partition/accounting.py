"""The accounting law: every occurrence is counted, as exactly one of the things it may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from worker.sessions.resident_session import Arrival

ACCOUNTED: Final = (
    "occurrences",
    "test_events",
    "ignored",
    "dead_letters",
    "events",
    "folded",
    "duplicates",
    "cut",
    "erased",
)
"""The counters of the accounting law: occurrences = test_events + ignored + dead_letters + events,
and events = folded + duplicates + cut + erased.
"""


def account(counters: Counter[str], occurrences: int, arrivals: Mapping[Arrival, int]) -> None:
    """Count a batch of ``occurrences``, whose events came to the given ``arrivals``."""
    counters["occurrences"] += occurrences
    counters["events"] += sum(arrivals.values())
    counters["folded"] += arrivals["folded"]
    counters["cut"] += arrivals["cut"]
    counters["duplicates"] += arrivals["duplicate"] + arrivals["earlier"] + arrivals["conflict"]
    if arrivals["conflict"]:
        counters["conflicts"] += arrivals["conflict"]


def account_erased(counters: Counter[str], events: int) -> None:
    """Count ``events`` occurrences that are events of erased calls."""
    counters["occurrences"] += events
    counters["events"] += events
    counters["erased"] += events
