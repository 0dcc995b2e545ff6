"""Thresholds from what was usual."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.monitoring.alarms import SAMPLES_AT_LEAST
from worker.monitoring.baseline import PERIODS_AT_LEAST, BaselinePeriod, threshold

ENOUGH = float(SAMPLES_AT_LEAST)


def usual(n: int, percentile: float = 800.0) -> list[BaselinePeriod]:
    return [BaselinePeriod(ENOUGH, percentile)] * n


def test_too_few_periods_tell_nothing() -> None:
    assert threshold(usual(PERIODS_AT_LEAST - 1)) is None
    assert threshold(usual(PERIODS_AT_LEAST)) == 880


def test_periods_of_few_samples_have_no_say() -> None:
    few = [BaselinePeriod(ENOUGH - 1, 9_000.0)] * 1000
    assert threshold(few) is None
    assert threshold(few + usual(PERIODS_AT_LEAST)) == 880


def test_one_bad_hour_in_two_weeks_moves_no_threshold() -> None:
    assert threshold([*usual(14 * 288 - 12), *usual(12, 30_000.0)]) == 880


@given(st.lists(st.floats(1, 60_000), min_size=PERIODS_AT_LEAST, max_size=3 * PERIODS_AT_LEAST))
def test_at_least_99_of_100_periods_stay_below(percentiles: list[float]) -> None:
    found = threshold(BaselinePeriod(ENOUGH, one) for one in percentiles)
    assert found is not None
    assert found % 10 == 0
    below = sum(one < found for one in percentiles)
    assert below >= 0.99 * len(percentiles)
