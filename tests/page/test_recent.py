"""The last hours of a worker: bounds hold for any input, and numbers are those of the records."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.page.calls import LIVELY, Replayed
from tests.page.feeding import BOUNDS, HOUR, commits_of
from tests.telemetry.progresses import progress
from worker.metrics.series import Series
from worker.page.fleet import FleetSamples, fleet_of
from worker.page.recent import MOST_VALUES, REASONS_AT_MOST, Recent, RecentBounds, packed, unpacked
from worker.partition.commit_outputs import RecordLine
from worker.partition.rules import Rules
from worker.service.letter_news import LATEST, LetterNews, LetterOrigin
from worker.stream.record import Record
from worker.testing.traffic import SimulatedPlatform, Traffic, simulated_records
from worker.times.minutes import MINUTE, minute_of

PATIENT = Rules(hold_direct=HOUR, hold_turn=HOUR, hold_max=2 * HOUR, hold_hole=HOUR)
"""Nothing is published before all of it has come, so nothing is retracted."""
START = 1_790_942_400_000


def calls(platform: SimulatedPlatform = "twilio") -> list[Record]:
    """Calls of which, on Pinecall, no event is lost: a turn whose audio's start is lost is counted
    there, but is not in the timeline.
    """
    traffic = Traffic(
        sessions=25,
        spread_s=900,
        start_ms=START,
        lost=0.01 if platform == "twilio" else 0,
        stragglers=0,
        habits=LIVELY,
        platform=platform,
    )
    return list(simulated_records(traffic, 3))


def recent_of(records: list[Record], bounds: RecentBounds = BOUNDS) -> Recent:
    recent = Recent(bounds)
    for status in commits_of(records, PATIENT):
        recent.add(status, status.stream_time or 0)
    return recent


@pytest.mark.parametrize("platform", ["twilio", "pinecall", "both"])
def test_the_fleets_numbers_are_those_of_the_records_where_both_are_whole(
    platform: SimulatedPlatform,
) -> None:
    records = calls(platform)
    from_records = FleetSamples(Replayed(records).records)
    bins = from_records.bins()
    until = bins.start + bins.width * bins.number
    from_series = recent_of(records).samples(bins.start, until)
    expected = fleet_of(from_records, bins)
    assert expected["totals"]["counts"]["Turns"] > 100
    assert fleet_of(from_series, bins) == expected


def test_labels_tell_no_samples_apart() -> None:
    window = {
        (Series("CallerWait", (("Customer", name),)), START): {100 * n: n}
        for n, name in enumerate(("one", "other"), 1)
    }
    recent = Recent(BOUNDS)
    recent.add(progress(stream_time=START, window=window), START)
    assert recent.samples(START, START + MINUTE).merged("CallerWait") == {100: 1, 200: 2}


def test_a_session_is_there_by_either_sid_and_in_its_last_revision() -> None:
    records = calls()
    recent, replayed = recent_of(records), Replayed(records)
    for one in replayed.records:
        for sid in (one.session_id, one.call_sid):
            assert one.session_id in {found.session_id for found in recent.records(sid)}
    assert recent.sessions == len(replayed.records)
    assert recent.records("VX") == []


SERIES = st.builds(
    lambda metric, value: Series(metric, (("Language", value),) if value else ()),
    st.sampled_from(("CallerWait", "Turns", "Errors", "DeliveryDelay")),
    st.sampled_from(("", "de-DE", "en-US")),
)
SAMPLES = st.dictionaries(st.integers(0, 600_000), st.integers(1, 9), min_size=1, max_size=300)
MINUTES = st.integers(-600, 90).map(lambda n: START + n * MINUTE)
WINDOWS = st.dictionaries(st.tuples(SERIES, MINUTES), SAMPLES, max_size=6)
LETTERS = st.builds(
    LetterNews,
    st.lists(st.text(max_size=4), max_size=60).map(Counter),
    st.lists(st.builds(LetterOrigin, st.text(max_size=4), st.just("p"), st.just("t")), max_size=20),
)

KEYS = [
    RecordLine(line.key, line.revision, line.line)
    for status in commits_of(calls(), PATIENT)
    for line in status.records
]
COMMITS = st.builds(
    lambda ahead, window, records, letters: (
        START + ahead,
        progress(
            stream_time=START + ahead,
            window=window,
            records=[one._replace(revision=revision) for one, revision in records],
            letters=letters,
        ),
    ),
    st.integers(0, 3 * HOUR),
    WINDOWS,
    st.lists(st.tuples(st.sampled_from(KEYS), st.integers(1, 4)), max_size=4),
    LETTERS,
)


@given(st.lists(COMMITS, max_size=12), st.integers(0, 5), st.integers(0, 40_000))
@settings(max_examples=60)
def test_no_input_takes_it_beyond_its_bounds(
    commits: list[tuple[int, Any]], calls_at_most: int, size: int
) -> None:
    recent = Recent(RecentBounds(HOUR, calls_at_most, size))
    for at, status in sorted(commits, key=lambda one: one[0]):
        recent.add(status, at)
        assert recent.size <= size
        assert recent.sessions <= calls_at_most
        assert len(recent.letters) <= LATEST
        assert len(recent.reasons) <= REASONS_AT_MOST + 1
        held = recent.samples(0, 1 << 60)
        minutes = {minute for some in held.minutes.values() for minute in some}
        assert all(at - HOUR - MINUTE < minute <= at + HOUR for minute in minutes)
        assert len(recent.rows_after(0).rows) == recent.sessions
        assert len(recent.trend.columns()["lag"]) <= HOUR // MINUTE


@given(st.lists(COMMITS, max_size=12), st.integers(0, 40_000))
@settings(max_examples=60)
def test_a_minute_that_is_shown_has_every_sample(commits: list[tuple[int, Any]], size: int) -> None:
    recent, whole = (Recent(RecentBounds(10**10, 10, bytes_)) for bytes_ in (size, 1 << 40))
    for at, status in sorted(commits, key=lambda one: one[0]):
        recent.add(status, at)
        whole.add(status, at)
    shown = recent.samples(0, 1 << 60)
    assert shown.minutes == whole.samples(recent.floor, 1 << 60).minutes


@given(st.lists(COMMITS, max_size=12))
@settings(max_examples=60)
def test_rows_after_a_cursor_are_those_that_came_or_changed_since(
    commits: list[tuple[int, Any]],
) -> None:
    recent, cursor = Recent(BOUNDS), 0
    seen: dict[str, int] = {}
    for at, status in sorted(commits, key=lambda one: one[0]):
        recent.add(status, at)
        found = recent.rows_after(cursor)
        assert not found.more
        assert found.next >= cursor
        cursor = found.next
        for line in status.records:
            seen[line.key.session_id] = max(seen.get(line.key.session_id, 0), line.revision)
    assert len(recent.rows_after(0).rows) == len(seen)
    assert recent.rows_after(cursor).rows == []


@given(SAMPLES)
def test_packing_keeps_what_the_datums_keep(samples: dict[int, int]) -> None:
    again = unpacked(packed(samples))
    assert len(again) <= MOST_VALUES
    assert sum(again.values()) == sum(samples.values())
    assert (min(again), max(again)) == (min(samples), max(samples))
    if len(samples) <= MOST_VALUES:
        assert again == samples


def test_a_minute_before_those_that_are_kept_is_refused() -> None:
    series = Series("Turns", ())
    recent = Recent(RecentBounds(HOUR, 1))
    recent.add(progress(stream_time=START, window={(series, START): {1: 3}}), START)
    late = minute_of(START - HOUR) - MINUTE
    recent.add(progress(stream_time=START, window={(series, late): {1: 3}}), START)
    assert recent.samples(0, START + MINUTE).minutes["Turns"] == {START: {1: 3}}
