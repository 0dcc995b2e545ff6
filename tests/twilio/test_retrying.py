"""Pauses between attempts: full jitter, and never shorter than what the service asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.twilio.retrying import ATTEMPTS, pause_s

FAILURES = st.integers(1, ATTEMPTS)


@given(FAILURES, st.floats(0, 600), st.floats(0, 1, exclude_max=True))
def test_a_pause_is_at_least_what_was_asked_for(failures: int, asked: float, random: float) -> None:
    assert asked <= pause_s(failures, asked, lambda: random) <= asked + 60


@given(FAILURES)
def test_jitter_is_full_and_its_ceiling_doubles(failures: int) -> None:
    assert pause_s(failures, 0.0, lambda: 0.0) == 0.0
    assert pause_s(failures, 0.0, lambda: 0.5) == min(60.0, 2.0 ** (failures - 1)) / 2
