"""Waits grow by doubling up to a bound, and are drawn evenly below it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.backoff import ceiling, full_jitter

FIRST = st.floats(0.001, 1000)
FACTOR = st.floats(1, 1000)
FRACTIONS = st.floats(0, 1, exclude_max=True)


@given(FIRST, FACTOR, st.integers(0, 20))
def test_a_ceiling_doubles_until_it_is_the_longest(
    first: float, factor: float, doublings: int
) -> None:
    longest = first * factor
    assert ceiling(first, longest, 0) == first
    assert ceiling(first, longest, doublings + 1) == min(
        longest, 2 * ceiling(first, longest, doublings)
    )


@given(FIRST, FACTOR, st.integers(20, 10**9))
def test_however_often_something_fails_the_wait_is_finite(
    first: float, factor: float, doublings: int
) -> None:
    assert ceiling(first, first * factor, doublings) == first * factor


@given(FIRST, FACTOR, st.integers(0, 100), FRACTIONS)
def test_the_wait_is_that_share_of_the_ceiling(
    first: float, factor: float, doublings: int, fraction: float
) -> None:
    longest = first * factor
    wait = full_jitter(first, longest, doublings, lambda: fraction)
    assert wait == fraction * ceiling(first, longest, doublings)
    assert 0 <= wait <= longest
