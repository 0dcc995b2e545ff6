"""Totals are what all samples amount to, in whatever pieces and order they are added."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from math import inf

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.metrics.catalogue import CATALOGUE
from worker.metrics.distribution import Distribution, of
from worker.metrics.instruments import instrument_of
from worker.metrics.series import Series
from worker.metrics.totals import (
    NONE,
    SCALE,
    SeriesTotals,
    Totals,
    bucket_of,
    cumulative,
    histogram_cell,
    increment,
    merge_totals,
    upper_bound,
)
from worker.times.minutes import MINUTE

WAIT = Series("CallerWait", ())
GERMAN = Series("CallerWait", (("Language", "de-DE"),))
TURNS = Series("Turns", ())
TOKENS = Series("TokensPerSession", ())
STEPS = 2**SCALE

Window = dict[tuple[Series, int], Distribution]

windows = st.dictionaries(
    st.tuples(st.sampled_from([WAIT, GERMAN, TURNS]), st.integers(1, 20).map(MINUTE.__mul__)),
    st.lists(st.integers(0, 600_000), min_size=1, max_size=8).map(of),
    max_size=6,
)


def told(commits: list[Window]) -> list[Totals]:
    """What each commit in turn adds."""
    added: list[Totals] = []
    now: Totals | None = None
    for window in commits:
        one = increment(now, window)
        if one is not None:
            added.append(one)
            now = merge_totals(now, one)
    return added


def whole(added: list[Totals]) -> Totals | None:
    return reduce(merge_totals, added, None)


@given(st.lists(windows, max_size=5))
def test_totals_are_what_all_samples_amount_to(commits: list[Window]) -> None:
    samples: dict[Series, list[int]] = {}
    for window in commits:
        for (series, _), counts in window.items():
            for value, times in counts.items():
                samples.setdefault(series, []).extend([value] * times)
    totals = whole(told(commits))
    assert (totals is None) == (not samples)
    if totals is None:
        return
    assert totals.series.keys() == samples.keys()
    for series, values in samples.items():
        one = totals.series[series]
        assert (one.count, one.sum) == (len(values), sum(values))
        assert (one.min, one.max) == (min(values), max(values))


@given(st.lists(windows, max_size=5), st.integers(0, 5), st.integers(0, 5), st.booleans())
def test_what_commits_add_may_be_merged_in_any_grouping(
    commits: list[Window], start: int, length: int, off: bool
) -> None:
    """Compaction merges a stretch of them, in which totals may have been switched off and on."""
    added = told(commits)
    if off:
        added[start:start] = [NONE, *told(commits)]
    stretch = added[start : start + length]
    merged = whole(stretch)
    pieces = [*added[:start], *([merged] if merged else []), *added[start + length :]]
    assert whole(pieces) == whole(added)


@given(st.lists(windows, min_size=1, max_size=6))
def test_a_series_time_never_stands_still_or_before_what_it_tells(commits: list[Window]) -> None:
    now: Totals | None = None
    for window in commits:
        added = increment(now, window)
        if added is None:
            continue
        for series, one in added.series.items():
            ends = [minute + MINUTE for other, minute in window if other == series]
            assert one.time >= max(ends)
            assert one.time > added.since
            if now is not None and series in now.series:
                assert one.time > now.series[series].time
        now = merge_totals(now, added)


def test_the_start_is_the_first_minute_and_stays() -> None:
    first = increment(None, {(WAIT, 5 * MINUTE): {100: 1}, (GERMAN, 3 * MINUTE): {1: 1}})
    assert first is not None
    assert (first.since, first.begins) == (3 * MINUTE, True)
    late = increment(first, {(TURNS, 2 * MINUTE): {1: 1}})
    assert late is not None
    assert (late.since, late.begins) == (3 * MINUTE, False)
    assert late.series[TURNS].time == 6 * MINUTE + 1  # later than any of the commit before


def test_a_minute_without_samples_adds_nothing() -> None:
    empty: Window = {(WAIT, MINUTE): {}}
    assert increment(None, empty) is None
    assert increment(None, {(WAIT, 2 * MINUTE): {1: 1}, **empty}) == increment(
        None, {(WAIT, 2 * MINUTE): {1: 1}}
    )


def test_totals_that_are_switched_on_again_begin_anew() -> None:
    before = increment(None, {(WAIT, MINUTE): {100: 4}})
    off = merge_totals(before, NONE)
    again = increment(off, {(WAIT, 9 * MINUTE): {200: 1}})
    totals = merge_totals(off, again)
    assert totals is not None
    assert (totals.since, totals.series[WAIT].count) == (9 * MINUTE, 1)


@pytest.mark.parametrize("divisor", [1, 1000, 10_000])
def test_a_bucket_holds_what_is_above_its_lower_bound_and_up_to_its_upper(divisor: int) -> None:
    """By integers: 2**(i/16) < sample/divisor <= 2**((i+1)/16), each to the 16th power."""
    for sample in [*range(1, 3000), *range(3000, 600_001, 97), 600_000, *(2**k for k in range(40))]:
        bucket = bucket_of(sample, divisor)
        power, unit = sample**STEPS, divisor**STEPS
        # all times 2**400, as a bucket's number may be negative
        assert unit << (400 + bucket) < power << 400, sample
        assert power << 400 <= unit << (401 + bucket), sample


@pytest.mark.parametrize("metric", ["CallerWait", "Tokens", "TokensPerSecond", "AgentTalkShare"])
def test_samples_are_counted_in_the_cells_that_they_belong_to(metric: str) -> None:
    instrument = instrument_of(metric)
    edges = [*range(5000), *range(5000, 10**6, 317), *(2**k + d for k in range(48) for d in (0, 1))]
    for sample in edges:
        cell = histogram_cell(sample, instrument.divisor, instrument.bounds)
        assert _totals(metric, [sample]).cells == {cell: 1}, sample
    for many in (edges, edges * 3):
        assert sum(_totals(metric, many).cells.values()) == len(many)
        assert _totals(metric, many).cells == Counter(
            histogram_cell(sample, instrument.divisor, instrument.bounds) for sample in many
        )


@given(
    st.sampled_from([name for name in CATALOGUE if instrument_of(name).is_histogram]),
    st.lists(st.integers(0, 600_000), min_size=1, max_size=60),
)
def test_every_sample_is_in_one_bucket_of_each_kind(metric: str, values: list[int]) -> None:
    instrument = instrument_of(metric)
    totals = _totals(metric, values)
    assert totals.zeros == values.count(0)
    assert totals.zeros + sum(totals.buckets.values()) == len(values)
    exact = [sum(value <= bound for value in values) for bound in (*instrument.bounds, inf)]
    assert cumulative(totals, instrument.bounds) == exact


@given(st.lists(st.integers(1, 600_000), min_size=1, max_size=80), st.integers(1, 100))
def test_a_percentile_is_off_by_no_more_than_a_buckets_ratio(
    values: list[int], percent: int
) -> None:
    totals = _totals("CallerWait", values)
    rank = -(-len(values) * percent // 100)
    exact = sorted(values)[rank - 1] / 1000
    reached = 0
    for bucket in sorted(totals.buckets):
        reached += totals.buckets[bucket]
        if reached >= rank:
            assert exact * (1 - 1e-12) <= upper_bound(bucket)
            assert upper_bound(bucket) < exact * 2 ** (1 / STEPS) * (1 + 1e-12)
            return
    raise AssertionError


@given(windows)
def test_totals_are_stored_and_read_back(window: Window) -> None:
    added = increment(None, window)
    if added is not None:
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(added), type=Totals) == added


def _totals(metric: str, values: list[int]) -> SeriesTotals:
    series = Series(metric, ())
    added = increment(None, {(series, MINUTE): of(values)})
    assert added is not None
    return added.series[series]


def test_hostile_samples_never_exceed_what_can_be_stored() -> None:
    hostile = increment(None, {(TOKENS, MINUTE): {2**53: 4096, 2**64: 1}})
    assert hostile is not None
    twice = merge_totals(hostile, increment(hostile, {(TOKENS, 2 * MINUTE): {2**64: 7}}))
    assert twice is not None
    one = msgspec.msgpack.decode(msgspec.msgpack.encode(twice), type=Totals).series[TOKENS]
    assert (one.count, one.sum, one.max) == (4104, 2**63 - 1, 2**63 - 1)


def test_an_event_stamped_ahead_of_stream_time_puts_no_point_into_the_future() -> None:
    ahead = increment(None, {(WAIT, 0): {100: 1}, (WAIT, 59 * MINUTE): {100: 1}}, MINUTE + 7)
    assert ahead is not None
    assert ahead.series[WAIT].time == 2 * MINUTE
    after = increment(ahead, {(WAIT, 2 * MINUTE): {100: 1}}, 4 * MINUTE)
    assert after is not None
    assert after.series[WAIT].time == 3 * MINUTE
