"""What the program says, in the oracle's words, and where the two differ."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from tests.oracle.replay import Expected, replay
from tests.oracle.session import Series
from worker.metrics.catalogue import CATALOGUE
from worker.partition.commit_outputs import Outputs
from worker.partition.rules import Rules
from worker.replay import Replay
from worker.stream.record import Record

ACCOUNTING = (
    *("occurrences", "test_events", "ignored", "dead_letters"),
    *("events", "folded", "duplicates", "cut"),
)


def program(records: Iterable[Record], rules: Rules | None = None) -> Expected:
    """An offline replay by the program itself."""
    lines: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    samples: dict[Series, Counter[Fraction]] = {}
    dead_letters = 0

    def take(outputs: Outputs) -> None:
        nonlocal dead_letters
        dead_letters += len(outputs.dead_letters)
        for one in outputs.records:
            record = json.loads(one.line)
            key = tuple(record[name] for name in KEY)
            assert key not in lines
            lines[key] = record
        for (series, minute), distribution in outputs.window.items():
            scale = CATALOGUE[series.metric].scale
            values = samples.setdefault((series.metric, series.dimensions, minute), Counter())
            for scaled, count in distribution.items():
                values[Fraction(scaled, scale)] += count

    replaying = Replay(rules or Rules(), take)
    for record in records:
        replaying.feed(record)
    replaying.finish()
    counters = {name: replaying.counters[name] for name in ACCOUNTING}
    return Expected(lines, samples, dead_letters, counters)


KEY = ("platform", "account_sid", "call_sid", "session_id")


def differences(records: Iterable[Record]) -> list[str]:
    """All that the oracle and the program don't agree on, a line each."""
    records = list(records)
    return compare(replay(records), program(records))


def compare(expected: Expected, found: Expected) -> list[str]:
    """Where two readings differ, a line each."""
    lines = []
    if expected.dead_letters != found.dead_letters:
        lines.append(f"dead letters: {expected.dead_letters}, program {found.dead_letters}")
    lines += apart("counters", expected.counters, found.counters)
    for key in expected.records.keys() | found.records.keys():
        mine, theirs = expected.records.get(key), found.records.get(key)
        lines += apart("/".join(key), mine, trimmed(theirs, mine) if mine and theirs else theirs)
    for series in expected.samples.keys() | found.samples.keys():
        mine_, theirs_ = expected.samples.get(series), found.samples.get(series)
        if mine_ != theirs_:
            lines.append(f"{series}: {mine_}, program {theirs_}")
    return lines


def trimmed(record: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    """More fields may be added to a record, but at its top only those named are compared."""
    return {name: value for name, value in record.items() if name in names}


def apart(path: str, expected: Any, found: Any) -> list[str]:
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            line
            for key in dict.fromkeys((*expected, *found))
            for line in apart(f"{path}.{key}", expected.get(key, ...), found.get(key, ...))
        ]
    if expected == found and isinstance(expected, bool) == isinstance(found, bool):
        return []  # 781 and 781.0 are one JSON number
    return [f"{path}: {expected!r}, program {found!r}"]
