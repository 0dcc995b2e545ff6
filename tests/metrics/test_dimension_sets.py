"""Each set of dimensions has a name of its own, and none of them is the sum of others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.metrics.catalogue import CATALOGUE, CONTEXT_DIMENSIONS
from worker.metrics.dimension_sets import dimension_sets_of, varying_dimensions
from worker.metrics.series import Series

METRICS = st.sampled_from(sorted(CATALOGUE))
NAMES = st.sampled_from([*sorted(CONTEXT_DIMENSIONS), "Environment"])
SETS = st.lists(st.lists(NAMES, max_size=4), max_size=4)


@given(METRICS, SETS)
def test_sets_differ_and_the_empty_one_stands_alone(metric: str, sets: list[list[str]]) -> None:
    found = dimension_sets_of(metric, {metric: sets})
    assert len(set(found)) == len(found) > 0
    assert found == [()] or () not in found


@given(METRICS, SETS)
def test_series_of_a_set_vary_in_its_dimensions_and_in_no_labels(
    metric: str, sets: list[list[str]]
) -> None:
    for names in dimension_sets_of(metric, {metric: sets}):
        pairs = [*((name, "x") for name in names), ("Environment", "prod"), ("Platform", "p")]
        series = Series(metric, tuple(sorted(pairs)))
        assert varying_dimensions(series) == names
