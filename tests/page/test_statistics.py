"""Order statistics: percentiles by nearest rank, and how sure they are."""

from __future__ import annotations

from math import ceil, comb
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from worker.page.statistics import percentile, quantile


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=80), st.integers(1, 99))
def test_a_percentile_is_the_sample_of_its_rank_and_lies_within_its_interval(
    values: list[int], percent: int
) -> None:
    ordered = sorted(values)
    found = quantile(ordered, percent)
    assert found.value == percentile(ordered, percent)
    assert found.value == ordered[ceil(percent * len(ordered) / 100) - 1]
    assert found.low is None or found.low <= found.value
    assert found.high is None or found.high >= found.value


def test_few_samples_bound_nothing() -> None:
    assert quantile([1, 2, 3], 50) == (2, None, None)
    assert quantile(list(range(20)), 95).high is None
    assert quantile(list(range(20)), 95).low is not None


def test_the_true_percentile_lies_in_the_interval_in_95_of_100_cases() -> None:
    """By the binomial distribution itself, which the interval approximates."""
    for count, percent in ((30, 50), (200, 50), (200, 95), (1000, 95)):
        low, high = quantile(list(range(1, count + 1)), percent)[1:]
        assert low is not None
        assert high is not None
        p = percent / 100
        covered = sum(comb(count, k) * p**k * (1 - p) ** (count - k) for k in range(low, high))
        assert 0.945 <= covered <= 0.99


def test_it_holds_for_samples_that_are_drawn() -> None:
    rng, inside = Random(4), 0
    for _ in range(400):
        _, low, high = quantile(sorted(rng.randrange(10_000) for _ in range(120)), 50)
        inside += low is not None and high is not None and low <= 5_000 <= high
    assert inside >= 370
