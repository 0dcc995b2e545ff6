"""Accounts for every occurrence read, by a worker or in a replay. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NamedTuple


class Fact(NamedTuple):
    """A number: its label, value, unit (ms, bytes, count or percent), whether it is ``fine``, what
    it is, and a heading of the runbook.
    """

    label: str
    value: float | None
    unit: str
    fine: bool
    about: str
    runbook: str | None


OUTCOMES: Final = (
    ("new events", "folded"),
    ("repeats", "duplicates"),
    ("other types", "ignored"),
    ("dead letters", "dead_letters"),
    ("cut", "cut"),
    ("erased", "erased"),
    ("test events", "test_events"),
)
"""The outcomes of an occurrence, each by the partition's counter; together all that were read."""

_COUNTED: Final = (
    ("late_events", "late events", "new events of a session that had closed"),
    ("sessions_revised", "records revised", "after their session's close"),
    ("samples_retracted", "samples retracted", "emitted samples that later events contradicted"),
    ("conflicts", "conflicts", "events redelivered with another payload"),
    ("unknown_events", "unknown events", "events of a name that this release doesn't know"),
    ("sessions_opened", "sessions opened", "sessions whose first event came"),
    ("sessions_closed", "sessions closed", "sessions that have a record"),
    ("sessions_quarantined", "sessions quarantined", "sessions in which a defect was met"),
)
"""Other counters of the partition that a replay shows, each with its label and what it is."""


def occurrences_of(counters: Mapping[str, int]) -> dict[str, Any]:
    """Return the occurrences by outcome; ``unaccounted``: those with no outcome, or several."""
    counted = Counter(counters)
    parts = [(label, counted[name]) for label, name in OUTCOMES]
    read = counted["occurrences"]
    unaccounted = abs(read - sum(count for _, count in parts))
    return {"read": read, "parts": parts, "unaccounted": unaccounted}


def accounted_chip(occurrences: Mapping[str, Any]) -> tuple[str, bool]:
    """Whether every occurrence is accounted for, in words, and whether that is fine."""
    lost = occurrences["unaccounted"]
    if lost:
        return f"{lost:,} occurrences unaccounted for", False
    return "every occurrence accounted for", True


def replay_pipeline(counters: Mapping[str, int]) -> dict[str, Any]:
    """The pipeline of a report that was made by a replay: its counters, and nothing of a worker."""
    occurrences = occurrences_of(counters)
    counted = Counter(counters)
    facts = [
        Fact(label, counted[name], "count", fine=True, about=about, runbook=None)
        for name, label, about in _COUNTED
    ]
    return {
        "replay": True,
        "chips": [accounted_chip(occurrences)],
        "occurrences": occurrences,
        "groups": [{"title": "Of the replay", "hint": "its counters", "facts": facts}],
    }
