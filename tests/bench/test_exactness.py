"""The exactness measurement: that it measures what it says, on traffic small enough for a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.exactness import Late, Sizes, measure, within
from tests.bench.exactness_goals import (
    DEFAULT,
    LOSSY,
    NO_STRAGGLERS,
    SHORT,
    WHOLE,
    WITHIN,
    Run,
    counts,
    goals,
    of,
    quantile,
    released,
)
from tests.bench.exactness_probe import figures
from tests.bench.exactness_report import report
from tests.bench.processes import ROOT
from tests.testing.reading import events
from worker.recordings.writer import write_recording
from worker.testing.traffic import Traffic, simulated_records

SMALL = Traffic(sessions=12, spread_s=120)
HOLD = 300_000


def measured(folder: Path, traffic: Traffic) -> dict[str, Any]:
    """What the probe finds, as it comes out of its process."""
    write_recording(folder / "recording", simulated_records(traffic, 5))
    found = figures(str(folder / "recording"), {"hold_hole_s": 300, "no_such_setting": 1}, True)
    whole: dict[str, Any] = json.loads(json.dumps(found))
    return whole


@pytest.mark.parametrize("delay", [0.0, 60.0])
def test_every_sample_is_seen_with_the_time_at_which_it_was_released(
    tmp_path: Path, delay: float
) -> None:
    found = measured(tmp_path, Traffic(sessions=12, spread_s=120, delay_median_s=delay))
    run = Run(DEFAULT, 5, 0, found)
    waits = {kind: sum(n for _, n in found["released"][kind]) for kind in found["released"]}
    assert sum(waits.values()) == sum(samples for samples, _ in found["published"].values())
    assert found["unreleased"] == 0
    assert set(waits) == {"direct", "context", "turn", "session"}
    direct, turn = released([run], "direct"), released([run], "turn")
    assert direct is not None
    assert turn is not None
    assert direct.median % 30 == turn.median % 30 == 0
    assert direct.median <= turn.median


def test_where_everything_comes_at_once_and_nothing_is_lost_all_is_true(tmp_path: Path) -> None:
    found = measured(tmp_path, Traffic(sessions=12, spread_s=120, delay_median_s=0, lost=0))
    run = Run(DEFAULT, 5, 0, found)
    assert found["retracted"] == found["revised"] == sum(found["untrue"].values()) == 0
    beside = counts(run)
    assert beside["SessionsEnded"] == (12, 12)
    assert beside["Turns"].published > 50
    assert not {metric: one for metric, one in beside.items() if one.off}


def test_an_event_is_late_by_its_first_arrival() -> None:
    records = list(simulated_records(SMALL, 5))
    late = Late(HOLD // 5)
    assert list(late.counting(records)) == records
    first: dict[tuple[object, ...], int] = {}
    for one in events(records):
        first.setdefault(
            (one.key, one.timestamp, one.sequence_number, one.name), one.arrival - one.timestamp
        )
    assert late.count == sum(delay > HOLD // 5 for delay in first.values()) > 0


def test_records_brought_within_the_hold_are_the_same_ones_none_late() -> None:
    records, hold = list(simulated_records(SMALL, 5)), HOLD // 5
    moved = list(within(records, hold))
    late = Late(hold)
    assert list(late.counting(moved)) == sorted(moved, key=lambda record: record.arrival)
    assert late.count == 0
    assert sorted(one.data for one in moved) == sorted(one.data for one in records)
    kept = {(one.data, one.arrival) for one in moved} & {(one.data, one.arrival) for one in records}
    assert len(records) / 3 < len(kept) < len(records)


def test_a_quantile_is_by_nearest_rank() -> None:
    counted = [(30, 1), (10, 2), (20, 1)]
    assert [quantile(counted, share) for share in (0.01, 0.5, 0.51, 0.75, 0.76, 1)] == [
        *(10, 10, 20, 20, 30, 30),
    ]


def run(variant: str, **changed: Any) -> Run:
    """A run in which all is well, but for what is ``changed``."""
    found = {
        "samples": 10_000,
        "retracted": 0,
        "revised": 0,
        "published": {"Turns": (40, 40), "CallerWait": (90, 1), "AmbiguousTurns": (20, 20)},
        "records": {"turns": 40, "ambiguous_turns": 20, "latency_ms.caller_wait.count": 90},
        "caller_waits": [[700, 90]],
        "released": {"direct": [[30, 5], [90, 5]], "turn": [[180, 9]]},
        "untrue": {},
    }
    return Run(variant, 1, changed.pop("late", 0), {**found, **changed})


WELL = [run(name) for name in (DEFAULT, SHORT, NO_STRAGGLERS, WITHIN, WHOLE, LOSSY)]


def test_where_all_is_well_every_goal_is_met() -> None:
    assert [goal for goal in goals(WELL, WELL) if not goal.met] == []


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        (run(DEFAULT, retracted=4), "samples retracted, default delays"),
        (run(DEFAULT, untrue={"turn": 1}), "samples of turn metrics retracted"),
        (run(DEFAULT, late=1, published={"Turns": (43, 43)}), "counts off the records' sum"),
        (run(DEFAULT, late=1, revised=2), "sessions revised, default delays"),
        (run(NO_STRAGGLERS, late=1, revised=1), "sessions revised, no stragglers"),
        (run(WITHIN, records={}), "counts off the records' sum, all within"),
        (run(DEFAULT, released={"direct": [[90, 9]], "turn": [[180, 9]]}), "direct metrics rel"),
        (run(DEFAULT, released={"direct": [[30, 9]], "turn": [[240, 9]]}), "time to release, t"),
        (run(LOSSY, caller_waits=[[771, 90]]), "CallerWait p99.9"),
        (run(LOSSY, published={"CallerWait": (90, 1), "DoubtfulWaits": (6, 6)}), "coverage"),
        (run(LOSSY, published={"CallerWait": (9, 9), "AmbiguousTurns": (23, 23)}), "AmbiguousT"),
    ],
)
def test_each_goal_is_missed_by_what_it_is_about(changed: Run, what: str) -> None:
    now = [changed if one.variant == changed.variant else one for one in WELL]
    missed = [goal.what for goal in goals(now, WELL) if not goal.met]
    assert any(one.startswith(what) for one in missed)


def test_without_an_earlier_state_the_time_to_release_is_held_against_its_figures() -> None:
    alone = {goal.what: goal for goal in goals(WELL, None)}
    assert {goal.before for goal in alone.values()} == {""}
    assert alone["time to release, direct metrics, median"].goal == "≤ 90 s"
    assert alone["direct metrics released within 60 s"].met is None


@pytest.mark.slow
def test_two_checkouts_are_measured_on_the_same_recordings() -> None:
    now, before = measure(Sizes(1, 12, 12), [ROOT, ROOT], hold=300, jobs=2)
    assert now == before
    assert len(of(now, DEFAULT)) == 1
    text = report(goals(now, before), now, before)
    assert f"| {WHOLE} | turn metrics |" in text
    assert "| Turns |" in text
    widths = {line.count(" | ") for line in text.splitlines() if line.startswith("| ")}
    assert widths == {2, 3, 4}
