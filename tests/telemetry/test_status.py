"""A worker's status is read from the very page that it serves."""

from __future__ import annotations

from collections.abc import Mapping

from worker.telemetry.catalogue import TELEMETRY_METRICS
from worker.telemetry.exposition import exposition
from worker.telemetry.fleet_catalogue import FLEET_METRICS, FLEET_ONLY
from worker.telemetry.prometheus import own_families
from worker.telemetry.snapshot import TelemetrySnapshot
from worker.telemetry.status import StatusLine, status_of, values_of, values_of_snapshot

NOW = 1_790_942_400_000
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


def requests_line(last_sent: Mapping[str, int]) -> StatusLine:
    values = values_of_snapshot(TelemetrySnapshot({**CALM, "RequestsAmbiguous": 9}, {}))
    (line,) = (one for one in status_of(values, last_sent, NOW) if one.name == "requests")
    return line


def test_the_page_and_the_snapshot_behind_it_give_the_same_values() -> None:
    numbers: dict[str, float] = {name: n for n, name in enumerate(CALM, 1)}
    snapshot = TelemetrySnapshot(numbers, {"MillisBehindLatest": dict(BEHIND)})
    assert values_of_snapshot(snapshot) == values_of(exposition(own_families(snapshot)))


def test_requests_are_told_by_when_each_outcome_came_last() -> None:
    sent = {"RequestsApplied": NOW - 1_500, "RequestsAmbiguous": NOW - 3_600_000}
    assert requests_line(sent) == StatusLine("requests", "applied 1.5 s ago, unknown 60 min ago")
    assert requests_line({}) == StatusLine("requests", "none yet")


def test_a_refusal_needs_a_look_until_something_is_applied_and_a_loss_for_ten_minutes() -> None:
    applied, refused = "RequestsApplied", "RequestsRefused"
    assert not requests_line({applied: NOW - 2, refused: NOW - 1}).fine
    assert requests_line({applied: NOW - 1, refused: NOW - 2}).fine
    for lost in ("RequestsAmbiguous", "RequestsInvalid", "RequestsTooOld", "RequestsDropped"):
        assert not requests_line({applied: NOW, lost: NOW - 599_999}).fine
        assert requests_line({applied: NOW, lost: NOW - 600_000}).fine


def fleet_status(**values: float) -> dict[str, StatusLine]:
    calm = {**CALM, **dict.fromkeys(FLEET_ONLY, 0), **values}
    page = exposition(own_families(TelemetrySnapshot(calm, {}), FLEET_METRICS))
    return {line.name: line for line in status_of(values_of(page))}


def test_a_fleets_task_tells_of_its_buckets_and_its_router_too() -> None:
    found = fleet_status(BucketsHeld=5, RoutedRecords=1200, RoutedTwice=3)
    assert found["buckets"] == StatusLine("buckets", "5 held")
    assert found["routed"].text == "1,200 records, 0 ms behind the tip; 3 came twice"
    assert "buckets" not in status()


def test_a_refused_bundle_and_a_router_far_behind_are_not_fine() -> None:
    found = fleet_status(BundlesRefused=1, RouterBehindMillis=90_000)
    assert [name for name, line in found.items() if not line.fine] == ["buckets", "routed"]
