"""Distributions merge by addition; coarsening keeps what it promises."""

from __future__ import annotations

from fractions import Fraction
from math import log2
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenes import BASE
from worker.destinations.cloudwatch.datums import VALUES_PER_DATUM, to_datums
from worker.metrics.catalogue import CATALOGUE
from worker.metrics.distribution import add, coarsen, half_up, of, summarise, summarise_all, total
from worker.metrics.series import Series

samples = st.lists(st.integers(-(10**6), 10**7), max_size=60)


def drawn(least: int) -> st.SearchStrategy[list[int]]:
    """301 to 900 distinct values up to a power of ten; from a seed, as lists this long are slow."""
    return st.builds(
        lambda seed, count, digits: Random(seed).sample(range(least, 10**digits), count),
        st.integers(0, 10**9),
        st.integers(301, 900),
        st.integers(3, 7),
    )


PERCENTS = (50, 90, 95, 99)


@given(samples, samples)
def test_merging_distributions_is_joining_samples(one: list[int], other: list[int]) -> None:
    merged = of(one)
    add(merged, of(other))
    assert merged == of(one + other)


@given(st.lists(st.integers(-1000, 10**6), min_size=1, max_size=200))
def test_percentiles_are_by_nearest_rank(values: list[int]) -> None:
    summary = summarise(of(values))
    assert summary == summarise_all(values)
    assert summary is not None
    ordered = sorted(values)
    found = (summary.p50, summary.p90, summary.p95, summary.p99)
    assert found == tuple(ordered[-(-percent * len(values) // 100) - 1] for percent in PERCENTS)
    assert (summary.min, summary.max, summary.count) == (ordered[0], ordered[-1], len(values))
    assert abs(Fraction(summary.avg) - Fraction(sum(values), len(values))) < Fraction(6, 10_000)


def test_the_rank_of_each_percentile_is_right_for_every_number_of_samples() -> None:
    for count in range(1, 301):
        ranks = list(range(1, count + 1))
        summary = summarise_all(ranks)
        assert summary == summarise(of(ranks))
        assert summary is not None
        found = (summary.p50, summary.p90, summary.p95, summary.p99)
        assert found == tuple(-(-percent * count // 100) for percent in PERCENTS)


def test_no_samples_no_summary() -> None:
    assert summarise({}) is summarise_all([]) is None


@settings(max_examples=30)
@given(drawn(-50), st.sampled_from([8, 50, 300]))
def test_coarsening_keeps_count_sum_minimum_and_maximum(values: list[int], most: int) -> None:
    exact = of(values)
    coarse = coarsen(exact, most)
    assert len(coarse) <= most
    assert sum(coarse.values()) == len(values)
    assert total(coarse) == sum(values)
    assert (min(coarse), max(coarse)) == (min(values), max(values))
    assert all(count > 0 for count in coarse.values())


@given(
    st.dictionaries(st.integers(-100, 100), st.integers(1, 9), min_size=20),
    st.integers(8, 20),
)
def test_coarsening_turns_no_sample_below_zero_into_one_that_is_not_nor_zero_into_any_other(
    exact: dict[int, int], most: int
) -> None:
    assert _by_sign(coarsen(exact, most)) == _by_sign(exact)


def _by_sign(distribution: dict[int, int]) -> tuple[int, int]:
    below = sum(count for value, count in distribution.items() if value < 0)
    return below, distribution.get(0, 0)


@settings(max_examples=30)
@given(drawn(1))
def test_percentiles_of_300_values_err_by_no_more_than_a_bucket(values: list[int]) -> None:
    coarse = sorted(coarsen(of(values), 300).items())
    ranked = [value for value, count in coarse for _ in range(count)]
    ratio = _ratio(values, 300)
    for one, exact in zip(ranked, sorted(values), strict=True):
        assert exact / ratio - 1 <= one <= exact * ratio + 1


def _ratio(values: list[int], most: int) -> float:
    """The bucket ratio of the finest scale that surely fits: two values a bucket, two extremes."""
    for scale in range(20, -7, -1):
        ratio: float = 2.0 ** (2.0**-scale)
        buckets = {int(_log(value, ratio)) for value in values}
        if 2 * len(buckets) + 2 <= most:
            return ratio
    raise AssertionError


def _log(value: int, base: float) -> float:
    return log2(value) / log2(base)


@given(st.dictionaries(st.integers(0, 10**6), st.integers(1, 5), min_size=1, max_size=500))
def test_datums_hold_a_minute_in_at_most_two_of_150_values(exact: dict[int, int]) -> None:
    datums = to_datums(Series("SttLatency", (("Language", "en"),)), BASE, exact)
    assert len(datums) <= 2
    values = [value for datum in datums for value in datum["Values"]]
    counts = [count for datum in datums for count in datum["Counts"]]
    assert all(len(datum["Values"]) <= VALUES_PER_DATUM for datum in datums)
    assert values == sorted(set(values))
    assert sum(counts) == sum(exact.values())
    assert sum(v * n for v, n in zip(values, counts, strict=True)) == total(exact)
    assert datums[0]["Timestamp"] == 1_790_942_400
    assert datums[0]["Unit"] == CATALOGUE["SttLatency"].unit


def test_scaled_metrics_are_published_in_their_unit() -> None:
    (datum,) = to_datums(Series("TokensPerSecond", ()), BASE, {52_500: 2})
    assert (datum["Values"], datum["Counts"], datum["Unit"]) == ([52.5], [2], "Count/Second")


def test_what_fits_stays_as_it_is() -> None:
    exact = {5: 2, -3: 1, 0: 9}
    assert coarsen(exact, 8) == exact
    assert coarsen(exact, 8) is not exact


@given(st.dictionaries(st.integers(-(2**53), 2**53), st.integers(1, 9), max_size=60))
def test_any_distribution_fits_into_eight_values_and_keeps_its_sum(exact: dict[int, int]) -> None:
    coarse = coarsen(exact, 8)
    assert len(coarse) <= 8
    assert (sum(coarse.values()), total(coarse)) == (sum(exact.values()), total(exact))


@given(samples, samples, samples)
def test_merging_is_commutative_and_associative(a: list[int], b: list[int], c: list[int]) -> None:
    def merged(*parts: list[int]) -> dict[int, int]:
        whole: dict[int, int] = {}
        for part in parts:
            add(whole, of(part))
        return whole

    nested = merged(a)
    add(nested, merged(b, c))
    assert merged(a, b, c) == merged(c, b, a) == nested
    assert total(nested) == sum(a) + sum(b) + sum(c)


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6))
def test_halves_are_rounded_up(dividend: int, divisor: int) -> None:
    rounded = half_up(dividend, divisor)
    off = Fraction(rounded) - Fraction(dividend, divisor)
    assert Fraction(-1, 2) < off <= Fraction(1, 2)


def test_scaled_distributions_are_summarised_in_their_unit() -> None:
    summary = summarise({1500: 1, 2000: 1, 2001: 1}, 1000)
    assert summary == summarise_all([2001, 1500, 2000], 1000)
    assert summary is not None
    assert (summary.min, summary.max, summary.p50, summary.avg) == (1.5, 2.001, 2.0, 1.834)
