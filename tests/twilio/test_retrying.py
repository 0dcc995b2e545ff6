"""Pauses between attempts: full jitter, and never shorter than what the service asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.twilio.retrying import ATTEMPTS, pause_s, retry_after_s

FAILURES = st.integers(1, ATTEMPTS)


@given(FAILURES, st.floats(0, 600), st.floats(0, 1, exclude_max=True))
def test_a_pause_is_at_least_what_was_asked_for(failures: int, asked: float, random: float) -> None:
    assert asked <= pause_s(failures, asked, lambda: random) <= asked + 60


@given(FAILURES)
def test_jitter_is_full_and_its_ceiling_doubles(failures: int) -> None:
    assert pause_s(failures, 0.0, lambda: 0.0) == 0.0
    assert pause_s(failures, 0.0, lambda: 0.5) == min(60.0, 2.0 ** (failures - 1)) / 2


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
    ],
)
def test_what_a_service_asks_for_is_read(headers: dict[str, str], seconds: float) -> None:
    assert retry_after_s(headers) == seconds


@given(st.text(), st.text())
def test_no_header_makes_it_fail(value: str, date: str) -> None:
    assert retry_after_s({"retry-after": value, "date": date}) >= 0
