"""What a deployment needs and costs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.processes import ROOT
from worker.monitoring.sizing import EVENTS_A_S, HELD_KB, cost_of, event_streams, size_of

CALLS = st.integers(1, 2_000_000)


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
    assert (few.cpu or 1 << 20) <= (many.cpu or 1 << 20)
    assert cost_of(min(one, other)).total <= cost_of(max(one, other)).total + 0.01


@given(CALLS)
def test_what_is_named_suffices_for_the_busiest_hour(calls: int) -> None:
    size = size_of(calls)
    assert size.shards * 1000 >= size.events_s * 3
    if size.cpu is None:
        assert size.events_s > EVENTS_A_S or size.sessions_held > 1_000_000
    else:
        assert size.cpu / 1024 * EVENTS_A_S >= size.events_s


def measured(what: str) -> float:
    """The figure of a row of the published benchmark."""
    rows = json.loads((ROOT / "docs" / "bench.json").read_text(encoding="utf-8"))["rows"]
    (figure,) = (row["figure"] for row in rows if row["what"].startswith(what))
    return float(figure)


def test_less_is_counted_on_than_the_benchmark_measures() -> None:
    assert measured("live, a core") > 4 * EVENTS_A_S
    megabytes = measured("memory of the process, 100,000 open sessions")
    assert megabytes * 1e6 < HELD_KB * 1024 * 100_000
