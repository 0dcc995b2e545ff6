"""RFC 3339 to epoch milliseconds and back, exactly."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scenes import BASE
from worker.times.rfc3339 import format_ms, parse_ms

LAST = 253_402_300_799_999  # the end of the year 9999
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = -62_135_596_800_000  # the begin of the year 1


@given(st.integers(FIRST, LAST))
def test_what_is_written_is_read_back(ms: int) -> None:
    text = format_ms(ms)
    assert len(text) == 24
    assert parse_ms(text) == ms


@given(
    st.integers(-(10**16), 10**16).map(lambda us: EPOCH + timedelta(microseconds=us)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_any_offset_is_read_as_the_same_instant(moment: datetime, minutes: int) -> None:
    local = moment.astimezone(timezone(timedelta(minutes=minutes)))
    assert parse_ms(local.isoformat()) == (moment - EPOCH) // timedelta(milliseconds=1)


@given(st.text(alphabet="0123456789", min_size=1, max_size=30))
def test_fractions_are_cut_to_milliseconds_never_rounded(digits: str) -> None:
    assert parse_ms(f"2026-10-02T12:00:00.{digits}Z") == BASE + int(digits[:3].ljust(3, "0"))


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-02T12:00:00Z",
        "2026-10-02t12:00:00z",
        "2026-10-02 12:00:00Z",
        "2026-10-02T12:00:00",
        "2026-10-02T12:00:00.000",
        "2026-10-02T12:00:00+00:00",
        "2026-10-02T12:00:00-00:00",
        "2026-10-02T12:00:00+0000",
        "2026-10-02T12:00:00.0+00",
        "2026-10-02T11:59:60Z",
        "2026-10-02T11:59:60.000Z",
        "2026-10-03T11:59:00.000+23:59",
        "2026-10-01T12:01:00.000-23:59",
    ],
)
def test_one_instant_has_many_forms(text: str) -> None:
    assert parse_ms(text) == BASE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1790942400",
        "2026-10-02",
        "2026-10-02T12:00Z",
        "2026-10-02T24:00:00.000Z",
        "2026-10-02T24:00:00Z",
        "2026-10-02T12:60:00.000Z",
        "2026-10-02T12:00:61.000Z",
        "2026-10-02T12:00:61Z",
        "2026-02-29T12:00:00.000Z",
        "2026-10-02T12:00:00.Z",
        "2026-10-02T12:00:00,000Z",
        "2026-10-02T12:00:00.000ZZ",
        " 2026-10-02T12:00:00.000Z",
        "2026-10-02T12:00:00.000Z\n",
        "2026-10-02T12:00:00.000+24:00",
        "2026-10-02T12:00:00.000+10:60",
        "2026-10-02T12:00:00.000+1:00",
        "٢٠٢٦-10-02T12:00:00.000Z",
        "2026-10-02T12:00:0٠.000Z",
        "2026-10-02T12:00:00.00²Z",
        "0000-01-01T00:00:00.000Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "9999-12-31T23:59:60Z",
        "2026-10-02T12:00:00." + "0" * 100 + "Z",
    ],
)
def test_what_is_no_date_time_is_none(text: str) -> None:
    assert parse_ms(text) is None


def test_a_week_date_is_not_rfc_3339() -> None:
    assert parse_ms("2026-W40-5T12:00:00.000Z") is None


def test_what_is_read_can_be_written_back_at_the_end_of_time_too() -> None:
    assert parse_ms("9999-12-31T23:59:60.000Z") is None


@given(st.text(max_size=30))
def test_no_text_makes_it_fail(text: str) -> None:
    found = parse_ms(text)
    assert found is None or FIRST <= found <= LAST


def test_what_it_remembers_of_the_seconds_that_it_has_read_is_bounded() -> None:
    """A worker reads some 31 million different seconds a year."""
    seconds = 40_000
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for second in range(seconds):
            parse_ms(format_ms(BASE + 1000 * second))
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 50 * seconds
