"""What a deployment needs and costs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.processes import ROOT
from worker.monitoring.sizing import (
    EVENTS_A_S,
    FLEET_EVENTS_A_S,
    HELD_KB,
    MOST_EVENTS_A_S,
    cost_of,
    event_streams,
    fleet_note,
    keyed_shards,
    second_stream,
    size_of,
)

CALLS = st.integers(1, 20_000_000)


@pytest.mark.parametrize(
    ("events", "dollars"),
    [
        (100_000, 0),
        (1_100_000, 40),
        (125_000_000, 99_900 * 0.04 + 25_000 * 0.015),
        (2_000_000_000, 99_900 * 0.04 + 900_000 * 0.015 + 1_000_000 * 0.0075),
    ],
)
def test_each_tier_is_paid_at_its_price(events: int, dollars: float) -> None:
    assert event_streams(events) == pytest.approx(dollars)


@given(CALLS, CALLS)
def test_more_calls_never_need_less(one: int, other: int) -> None:
    few, many = size_of(min(one, other)), size_of(max(one, other))
    assert few.shards <= many.shards
    assert few.sessions_held <= many.sessions_held
    assert few.tasks * few.cpu <= many.tasks * many.cpu
    assert cost_of(min(one, other)).total <= cost_of(max(one, other)).total + 0.01


@given(CALLS)
def test_what_is_named_suffices_for_the_busiest_hour(calls: int) -> None:
    size = size_of(calls)
    assert size.shards * 1000 >= size.events_s * 3
    if size.tasks > 1:
        assert size.tasks * FLEET_EVENTS_A_S >= size.events_s
        assert size.keyed_shards >= size.tasks
    elif size.cpu < 1024:
        assert size.cpu / 1024 * EVENTS_A_S >= size.events_s
    else:
        assert size.events_s <= MOST_EVENTS_A_S


def test_one_task_is_proposed_until_more_than_seven_tenths_of_a_core_are_used() -> None:
    assert size_of(3_500_000).tasks == 1
    many = size_of(3_700_000)
    assert (many.tasks, many.cpu) == (2, 1024)
    assert many.events_s > MOST_EVENTS_A_S
    assert "one task is enough" in fleet_note(1_000_000)
    assert "a fleet of 2 tasks" in fleet_note(3_700_000)


def test_a_second_stream_costs_what_its_shards_and_its_bundles_do() -> None:
    """At 10,000 events/s, beside 17 shards: some hundred dollars, an eighth of the first one's."""
    assert keyed_shards(10_000) == 4
    assert 100 < second_stream(17, 4) < 115


def measured(what: str) -> float:
    """The figure of a row of the published benchmark."""
    rows = json.loads((ROOT / "docs" / "bench.json").read_text(encoding="utf-8"))["rows"]
    (figure,) = (row["figure"] for row in rows if row["what"].startswith(what))
    return float(figure)


def test_less_is_counted_on_than_the_benchmark_measures() -> None:
    assert measured("live, a core") > 4 * EVENTS_A_S
    assert 0.7 * measured("live, a core") > MOST_EVENTS_A_S
    megabytes = measured("memory of the process, 100,000 open sessions")
    assert megabytes * 1e6 < HELD_KB * 1024 * 100_000
