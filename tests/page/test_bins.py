"""Bins of time and cells of length: everything falls into one, and there are never too many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.page.bins import EDGES, bins_over, cell_of

HOUR = 3_600_000


@given(st.integers(0, 2_000_000_000_000), st.integers(0, 60 * 24 * HOUR), st.data())
def test_bins_cover_their_span_and_are_no_more_than_a_hundred(
    first: int, length: int, data: st.DataObject
) -> None:
    bins = bins_over(first, first + length)
    at = data.draw(st.integers(first, first + length))
    n = bins.of(at)
    assert bins.start + n * bins.width <= at < bins.start + (n + 1) * bins.width
    assert (bins.of(first), bins.of(first + length)) == (0, bins.number - 1)
    assert bins.number <= 100


@pytest.mark.parametrize(
    ("hours", "minutes"), [(0.5, 1), (1, 1), (1.1, 5), (8, 5), (8.1, 15), (24, 15), (25, 60)]
)
def test_a_longer_span_has_wider_bins(hours: float, minutes: int) -> None:
    assert bins_over(0, int(hours * HOUR)).width == minutes * 60_000


@given(st.integers(0, 100_000))
def test_a_length_lies_in_its_cell_or_beyond_the_outermost(ms: int) -> None:
    cell = cell_of(ms)
    assert 0 <= cell < len(EDGES) - 1
    assert EDGES[cell] <= ms or cell == 0
    assert ms < EDGES[cell + 1] or cell == len(EDGES) - 2
