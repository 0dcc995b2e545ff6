from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.sources.kinesis.pacing import (
    AT_TIP,
    BEHIND,
    LONGEST_BACKOFF,
    MOST_BYTES,
    QUIET,
    STEADY,
    Pace,
    after_answer,
    after_failure,
    bytes_expected,
)

FRACTIONS = st.floats(0, 1, exclude_max=True)
PACES = st.builds(Pace, st.integers(BEHIND, QUIET), st.integers(0, 10_000))
TIMES = st.integers(0, 1 << 40)


@given(PACES, st.integers(0, 10_000), st.integers(0, 10 << 20), TIMES, FRACTIONS)
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


def test_a_record_brings_a_quiet_shard_back_to_a_call_a_second() -> None:
    assert after_answer(Pace(QUIET), 1, 100, 0) == (Pace(AT_TIP), AT_TIP)


def test_an_empty_answer_on_the_way_to_the_tip_is_no_quiet() -> None:
    assert after_answer(Pace(QUIET), 0, 0, 1) == (Pace(AT_TIP), AT_TIP)
    assert after_answer(Pace(QUIET), 0, 0, AT_TIP + 1) == (STEADY, BEHIND)


@given(PACES, st.integers(0, 10_000), st.integers(0, 10 << 20), TIMES)
def test_a_shard_that_is_behind_waits_for_nothing_but_the_limits(
    pace: Pace, records: int, size: int, millis_behind: int
) -> None:
    behind = AT_TIP + 1 + millis_behind
    least = max(BEHIND, -(-size * 1000 // (2 << 20)))
    assert after_answer(pace, records, size, behind) == (STEADY, least)


@given(st.integers(1, 10_000), st.integers(0, AT_TIP))
def test_what_a_shard_brings_within_a_wait_at_its_tip_does_not_count_as_being_behind(
    records: int, millis_behind: int
) -> None:
    assert after_answer(STEADY, records, 0, millis_behind) == (Pace(AT_TIP), AT_TIP)


@given(st.integers(0, 10_000), FRACTIONS)
def test_backoff_is_anything_up_to_a_doubling_ceiling(failures: int, fraction: float) -> None:
    ceiling = min(BEHIND * 2 ** min(failures, 100), LONGEST_BACKOFF)
    pace, wait = after_failure(Pace(QUIET, failures), lambda: fraction)
    assert wait == BEHIND + int(fraction * ceiling)
    assert pace.failures == failures + 1


def test_one_good_answer_ends_the_backoff() -> None:
    pace, _ = after_answer(Pace(BEHIND, 9), 1, 1, 1)
    assert pace.failures == 0


def test_after_a_full_answer_it_waits_as_long_as_its_bytes_take_and_no_longer() -> None:
    assert after_answer(STEADY, 1, 10 << 20, HOUR) == (STEADY, 5000)
    assert after_answer(STEADY, 1, (10 << 20) + 1, HOUR) == (STEADY, 5001)


HOUR = 3_600_000


def test_an_answer_may_bring_all_that_a_shard_took_in_and_no_more_than_the_service_gives() -> None:
    assert bytes_expected(None, 0) == MOST_BYTES
    assert bytes_expected(0, 1000) == 1 << 20
    assert bytes_expected(1500, 500) == 2 << 20
    assert bytes_expected(0, HOUR) == bytes_expected(HOUR, 0) == MOST_BYTES
