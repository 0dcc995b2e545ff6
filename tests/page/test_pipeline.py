"""The pipeline: all that was read is in the bar, what is not fine says so and names the runbook."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.page.calls import Replayed
from tests.processes import ROOT
from tests.telemetry.progresses import NOW, progress
from worker.metrics.series import Series
from worker.outbox.entries import DeliveryOutcome
from worker.page.occurrences import OUTCOMES, occurrences_of, replay_pipeline
from worker.page.pipeline import live_pipeline
from worker.partition.rules import Rules
from worker.service.ports import HeldBuckets, WorkerStatus, listed_buckets
from worker.telemetry.snapshot import EventCounts, ReportPeriod, snapshot_of
from worker.testing.traffic import Traffic, simulated_records

FINE = progress(
    backlog=progress().backlog._replace(oldest=None, entries=0), backpressure=0, counters={}
)
HEADINGS = re.findall(r"^### (\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)


def pipeline(status: WorkerStatus, counts: dict[str, int] | None = None) -> dict[str, Any]:
    told = EventCounts(NOW - 500, counts or {}, 0)
    snapshot = snapshot_of(status, told, ReportPeriod(), NOW)
    lanes = {"metrics": {DeliveryOutcome.APPLIED: 7}}
    return live_pipeline(status, snapshot, Rules(), lanes)


def facts(data: dict[str, Any]) -> dict[str, Any]:
    return {one.label: one for group in data["groups"] for one in group["facts"]}


@given(st.lists(st.integers(0, 9), min_size=len(OUTCOMES), max_size=len(OUTCOMES)), st.integers())
def test_the_bar_is_full_or_says_how_much_is_missing(counts: list[int], lost: int) -> None:
    counters = {name: count for (_, name), count in zip(OUTCOMES, counts, strict=True)}
    found = occurrences_of({**counters, "occurrences": sum(counts) + lost})
    assert [count for _, count in found["parts"]] == counts
    assert found["unaccounted"] == abs(lost)


def test_a_replays_bar_is_full() -> None:
    replayed = Replayed(simulated_records(Traffic(sessions=15, malformed=0.05), 2))
    data = replay_pipeline(replayed.counters)
    assert data["occurrences"]["read"] > 500
    assert data["occurrences"]["unaccounted"] == 0
    assert data["chips"] == [("every occurrence accounted for", True)]
    (group,) = data["groups"]
    opened = next(one for one in group["facts"] if one.label == "sessions opened")
    assert opened.value == len(replayed.records)


def test_all_is_well_where_nothing_lags_waits_or_is_lost() -> None:
    assert [fine for _, fine in pipeline(FINE)["chips"]] == [True, True, True]


@pytest.mark.parametrize(
    ("status", "chip", "text"),
    [
        (FINE._replace(counters={"occurrences": 3}), 0, "3 occurrences unaccounted for"),
        (FINE._replace(shards={}), 1, "no shard read yet"),
        (
            FINE._replace(
                shards={name: one._replace(behind_ms=240_000) for name, one in FINE.shards.items()}
            ),
            1,
            "4 min behind the tip",
        ),
        (
            FINE._replace(stream_time=NOW - 3 * 3_600_000),
            1,
            "at the tip, but stream time stands 3 h ago",
        ),
        (
            FINE._replace(backlog=FINE.backlog._replace(entries=1, oldest=NOW - 600_000)),
            2,
            "a request has waited for 10 min",
        ),
    ],
)
def test_a_chip_says_what_makes_the_numbers_doubtful(
    status: WorkerStatus, chip: int, text: str
) -> None:
    chips = pipeline(status)["chips"]
    assert chips[chip] == (text, False)
    assert [fine for _, fine in chips].count(False) == 1


def test_every_number_says_what_it_is_and_names_a_heading_of_the_runbook() -> None:
    found = facts(pipeline(progress())).values()
    assert len(found) > 20
    assert all(one.about for one in found)
    assert {one.runbook for one in found if one.runbook} <= set(HEADINGS)


def test_what_is_beyond_its_bound_is_not_fine() -> None:
    before = facts(pipeline(FINE))
    after = facts(pipeline(FINE, {"RequestsInvalid": 1, "RequestsRefused": 1}))
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["refused, retried", "invalid"]
    assert (after["refused, retried"].fine, after["invalid"].fine) == (True, False)


def test_a_delay_beyond_the_hold_of_turn_metrics_is_not_fine() -> None:
    for delay, fine in ((180_000, True), (180_001, False)):
        period = ReportPeriod()
        window = {(Series("DeliveryDelay", ()), NOW): {delay: 3}}
        period.add(progress(window=window))
        snapshot = snapshot_of(FINE, EventCounts(NOW, {}, 0), period, NOW)
        found = facts(live_pipeline(FINE, snapshot, Rules(), {}))
        assert found["95th percentile"].value == delay
        assert found["95th percentile"].fine == fine


def test_a_shard_that_holds_stream_time_back_is_marked() -> None:
    shards = pipeline(progress())["shards"]
    assert [(one["name"], one["holds_back"]) for one in shards] == [
        ("shard-0", 4000),
        ("shard-1", None),
    ]


def test_the_page_of_a_fleets_task_says_whose_calls_it_shows() -> None:
    held = progress(buckets=HeldBuckets((0, 1, 2, 5, 7, 8), 16))
    assert pipeline(held)["chips"][-1] == ("of a fleet: 0-2, 5, 7-8 of 16 buckets", True)
    assert listed_buckets([]) == "none"
    assert not any("fleet" in text for text, _ in pipeline(progress())["chips"])
