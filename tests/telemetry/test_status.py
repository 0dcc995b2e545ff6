"""A worker's status is read from the very page that it serves."""

from __future__ import annotations

from collections.abc import Mapping

from worker.telemetry.catalogue import TELEMETRY_METRICS
from worker.telemetry.exposition import exposition
from worker.telemetry.prometheus import own_families
from worker.telemetry.snapshot import TelemetrySnapshot
from worker.telemetry.status import StatusLine, status_of, values_of

LABELLED = {name for name, metric in TELEMETRY_METRICS.items() if metric.label is not None}
CALM: dict[str, float] = dict.fromkeys(TELEMETRY_METRICS.keys() - LABELLED, 0)
BEHIND: dict[str, float] = {'shard "7"\\n': 90_000, "shard-1": 1_000}


def status(
    values: Mapping[str, float] = {}, lag: Mapping[str, float] = {}
) -> dict[str, StatusLine]:
    by_label: dict[str, dict[str, float]] = {"MillisBehindLatest": dict(lag)} if lag else {}
    page = exposition(own_families(TelemetrySnapshot({**CALM, **values}, by_label)))
    return {line.name: line for line in status_of(values_of(page))}


def test_every_metric_of_the_page_is_read_with_its_label_in_base_units() -> None:
    numbers: dict[str, float] = {name: n for n, name in enumerate(CALM, 1)}
    snapshot = TelemetrySnapshot(numbers, {"MillisBehindLatest": BEHIND})
    values = values_of(exposition(own_families(snapshot)))
    assert values == {
        **{
            name: {"": number / TELEMETRY_METRICS[name].prometheus_divisor}
            for name, number in numbers.items()
        },
        "MillisBehindLatest": {shard: ms / 1000 for shard, ms in BEHIND.items()},
    }


def test_of_a_calm_worker_every_line_is_fine() -> None:
    found = status({"Occurrences": 10, "Folded": 8, "Duplicates": 2, "RequestsApplied": 3})
    assert all(line.fine for line in found.values())
    assert found["occurrences"].text == "10 read, 8 new events, 2 duplicates"
    assert found["requests"].text == "3 applied"
    assert found["lag"].text == "0 ms behind the tip"


def test_what_somebody_should_look_at_is_not_fine() -> None:
    for name, values in (
        ("dead letters", {"DeadLetters": 1}),
        ("dead letters", {"SessionsQuarantined": 1}),
        ("occurrences", {"Unaccounted": 1}),
        ("outbox", {"OutboxEntries": 4, "OutboxAge": 400_000}),
        ("commit", {"CommitAge": 61_000}),
        ("requests", {"RequestsAmbiguous": 1}),
        ("shards", {"Backpressure": 50}),
        ("stream time", {"StreamTimeLag": 400_000}),
    ):
        assert [one for one, line in status(values).items() if not line.fine] == [name]
    late = status(lag=BEHIND)["lag"]
    assert not late.fine
    assert late.text == 'shard "7"\\n is furthest behind'.join(("90.0 s behind the tip, ", ""))


def test_numbers_have_units_that_are_read_at_a_glance() -> None:
    found = status({"OutboxEntries": 4, "OutboxAge": 180_000, "OutboxSize": 2_500_000})
    assert found["outbox"].text == "4 requests, 2.5 MB, the oldest 3 min old"
