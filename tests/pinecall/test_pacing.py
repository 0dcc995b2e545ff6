"""How long the bridge waits, and what it gives up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.pinecall.api import Failure, FailureKind
from worker.pinecall.pacing import Failures, horizon, is_hopeless, retry_pause_s, too_old

HOUR = 3_600_000


@given(st.integers(1, 200), st.floats(0, 1, exclude_max=True))
def test_pauses_are_drawn_from_nothing_up_to_half_a_minute(attempt: int, drawn: float) -> None:
    longest = min(30, 2 ** (attempt - 1))
    assert retry_pause_s(attempt, None, lambda: drawn) == drawn * longest


def test_a_wait_that_is_asked_for_comes_first_and_is_bounded() -> None:
    asked = Failure(FailureKind.THROTTLED, "429", 12)
    assert retry_pause_s(1, asked, lambda: 0.0) == 12
    assert retry_pause_s(1, asked._replace(retry_after_s=1e9), lambda: 0.0) == 600


def test_only_what_the_service_says_for_good_is_given_up() -> None:
    for kind in FailureKind:
        gives_up = kind in (FailureKind.MISSING, FailureKind.FORBIDDEN, FailureKind.REFUSED)
        assert is_hopeless(Failure(kind, ""), 5) == gives_up
        assert not is_hopeless(Failure(kind, ""), 4)


def test_an_event_is_too_old_an_hour_before_the_worker_refuses_it() -> None:
    now = 100 * HOUR
    assert not too_old(now - 5 * HOUR, now, 6 * HOUR)
    assert too_old(now - 5 * HOUR - 1, now, 6 * HOUR)
    assert not too_old(now - 50_000, now, 60_000)


def test_the_list_is_read_back_to_what_was_read_and_further_and_never_ahead_of_time() -> None:
    assert horizon(1000, None, 100, 50) == 900
    assert horizon(1000, 800, 100, 50) == 750
    assert horizon(1000, 5000, 100, 50) == 950


def test_failures_in_a_row_are_counted_and_those_of_the_last_kind() -> None:
    failures = Failures()
    away, missing = (Failure(kind, "") for kind in (FailureKind.AWAY, FailureKind.MISSING))
    counts = []
    for failure in (away, away, missing, None, missing, missing):
        failures.add(failure)
        counts.append((failures.in_a_row, failures.of_kind))
    assert counts == [(1, 1), (2, 2), (3, 1), (4, 1), (5, 1), (6, 2)]
    failures.end()
    failures.add(missing)
    assert (failures.in_a_row, failures.of_kind) == (1, 1)
