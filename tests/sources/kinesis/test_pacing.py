from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.sources.kinesis.pacing import (
    FLOWING,
    LONGEST_BACKOFF,
    QUIET,
    STEADY,
    Pace,
    after_answer,
    after_failure,
)

FRACTIONS = st.floats(0, 1, exclude_max=True)
PACES = st.builds(Pace, st.integers(FLOWING, QUIET), st.integers(0, 10_000))


@given(PACES, st.integers(0, 10_000), st.integers(0, 10 << 20), st.integers(0, 1 << 40), FRACTIONS)
def test_five_calls_a_second_and_two_mebibytes_a_second_are_never_exceeded(
    pace: Pace, records: int, size: int, millis_behind: int, fraction: float
) -> None:
    _, wait = after_answer(pace, records, size, millis_behind)
    assert wait >= 200
    assert wait * (2 << 20) >= size * 1000
    assert after_failure(pace, lambda: fraction)[1] >= 200


def test_a_quiet_shard_is_asked_less_and_less_often_down_to_once_in_two_seconds() -> None:
    pace, waits = STEADY, []
    for _ in range(5):
        pace, wait = after_answer(pace, 0, 0, 0)
        waits.append(wait)
    assert waits == [1000, 2000, 2000, 2000, 2000]


def test_a_record_brings_a_quiet_shard_back_to_full_pace() -> None:
    assert after_answer(Pace(QUIET), 1, 100, 0) == (STEADY, FLOWING)


def test_an_empty_answer_on_the_way_to_the_tip_is_no_quiet() -> None:
    assert after_answer(Pace(QUIET), 0, 0, 1) == (STEADY, FLOWING)


@given(st.integers(0, 10_000), FRACTIONS)
def test_backoff_is_anything_up_to_a_doubling_ceiling(failures: int, fraction: float) -> None:
    ceiling = min(FLOWING * 2 ** min(failures, 100), LONGEST_BACKOFF)
    pace, wait = after_failure(Pace(QUIET, failures), lambda: fraction)
    assert wait == FLOWING + int(fraction * ceiling)
    assert pace.failures == failures + 1


def test_one_good_answer_ends_the_backoff() -> None:
    pace, _ = after_answer(Pace(FLOWING, 9), 1, 1, 1)
    assert pace.failures == 0


def test_after_a_full_answer_it_waits_as_long_as_its_bytes_take_and_no_longer() -> None:
    assert after_answer(STEADY, 1, 10 << 20, 1) == (STEADY, 5000)
    assert after_answer(STEADY, 1, (10 << 20) + 1, 1) == (STEADY, 5001)
