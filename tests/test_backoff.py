"""Waits grow by doubling up to a bound, and are drawn evenly below it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.backoff import ceiling, full_jitter, retry_after_s

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


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"retry-after": "soon"}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "٣"}, 0.0),
        (
            {
                "retry-after": "Fri, 02 Oct 2026 12:00:30 GMT",
                "date": "Fri, 02 Oct 2026 12:00:00 GMT",
            },
            30.0,
        ),
        (
            {
                "retry-after": "Fri, 02 Oct 2026 11:00:00 GMT",
                "date": "Fri, 02 Oct 2026 12:00:00 GMT",
            },
            0.0,
        ),
        ({"retry-after": "Fri, 02 Oct 2026 12:00:30 GMT"}, 0.0),
        ({"retry-after": "Fri, 02 Oct 2026 12:00:30 +99999999999999999999"}, 0.0),
    ],
)
def test_what_a_service_asks_for_is_read(headers: dict[str, str], seconds: float) -> None:
    assert retry_after_s(headers) == seconds


@given(st.text(), st.text())
def test_no_header_makes_it_fail(value: str, date: str) -> None:
    assert retry_after_s({"retry-after": value, "date": date}) >= 0
