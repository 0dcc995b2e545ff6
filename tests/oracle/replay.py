"""All records of a recording, to all that an offline replay has to say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

from tests.oracle.decoding import Event, decode_all
from tests.oracle.session import Series, is_sparse, merge, result_of
from worker.stream.record import Record


class Expected(NamedTuple):
    """``records`` by session key; ``samples``: published values, by series and minute."""

    records: dict[tuple[str, str, str, str], dict[str, Any]]
    samples: dict[Series, Counter[Fraction]]
    dead_letters: int
    counters: dict[str, int]


def replay(records: Iterable[Record], sequence_numbers: str = "auto") -> Expected:
    """``sequence_numbers``: whether they are ``contiguous``, ``sparse``, or what they look like."""
    decoded = decode_all(list(records))
    sessions: dict[tuple[str, str, str, str], list[Event]] = {}
    for event in decoded.events:
        sessions.setdefault(event.session_key, []).append(event)
    contiguous = sequence_numbers == "contiguous" or (
        sequence_numbers == "auto" and not looks_sparse(sessions.values())
    )
    results = {key: result_of(events, contiguous) for key, events in sessions.items()}
    samples: dict[Series, Counter[Fraction]] = {}
    for result in results.values():
        for series, values in result.published.items():
            samples.setdefault(series, Counter()).update(values)
    counters = {
        "occurrences": decoded.occurrences,
        "test_events": decoded.test_events,
        "ignored": decoded.ignored,
        "dead_letters": decoded.dead_letters,
        "events": len(decoded.events),
        "folded": sum(result.folded for result in results.values()),
        "duplicates": sum(result.duplicates for result in results.values()),
        "cut": 0,
    }
    records_by_key = {key: result.record for key, result in results.items()}
    return Expected(records_by_key, samples, decoded.dead_letters, counters)


def looks_sparse(sessions: Iterable[list[Event]]) -> bool:
    """Whether, of at least 50 sessions, more than half are sparse."""
    sparse = [is_sparse(merge(events)) for events in sessions]
    return len(sparse) >= 50 and sum(sparse) * 2 > len(sparse)
