"""Incremental samples and the emitted ones together are those of a whole analysis."""

from __future__ import annotations

import pickle
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.building import FIRST, PROMPT, event, held_of
from tests.scenes import BASE
from worker.events.event import EVENT_CODES, Event
from worker.sessions.analysis import turn_samples
from worker.sessions.incremental import incremental_direct, incremental_turn
from worker.sessions.resident_session import ResidentSession
from worker.sessions.samples import SampleKey, Samples
from worker.sessions.state import EmitCursor
from worker.times.minutes import MINUTE, minute_of

LONG = 250
"""From so many events on a session's walk is kept."""

END = BASE + 100 * MINUTE


def counted(samples: Samples, before: int = END) -> Counter[tuple[object, int, SampleKey, int]]:
    """Samples of the minutes before ``before`` (epoch ms), as a multiset."""
    return Counter(
        (context, minute, kind, value)
        for (context, minute), part in samples.parts.items()
        if minute < before
        for kind, values in part.items()
        for value in values
    )


def whole(resident: ResidentSession, *, contiguous: bool = True) -> Samples:
    return turn_samples(resident.rows(), resident.state.base, closing=False, contiguous=contiguous)


def told(resident: ResidentSession, before: int) -> None:
    resident.state.turn = EmitCursor(resident.state.count, before)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Mostly numbered in the order of their times, with holes and numbers that come twice."""
    name = draw(st.sampled_from([*EVENT_CODES, PROMPT, FIRST]))
    at = draw(st.integers(0, 20))
    number = at if draw(st.integers(0, 5)) else draw(st.integers(0, 20))
    return event(at * 9_000, name, None, LONG + number)


@settings(max_examples=300)
@given(st.lists(events(), min_size=1, max_size=30), st.integers(0, 10**6), st.booleans())
def test_incremental_and_emitted_samples_are_the_whole_or_it_says_that_they_are_not(
    some: list[Event], seed: int, long: bool
) -> None:
    """Also where a kept walk goes on: emitted samples are those of the whole that still hold."""
    rng = Random(seed)
    resident = held_of(*[(0, "dtmf")] * (LONG if long else 0))
    so_far: Counter[tuple[object, int, SampleKey, int]] = Counter()
    before = BASE - MINUTE
    told(resident, before)
    some.sort(key=lambda one: one.timestamp + rng.randrange(100_000))
    for one in some:
        resident.add(one, 50_000)
        if rng.random() < 0.4:
            oldest, following = resident.state.turn.oldest_new, before + rng.randrange(2) * MINUTE
            incremental = (
                None
                if oldest and oldest < before
                else incremental_turn(resident, following, contiguous=True)
            )
            before = minute_of(following)
            if incremental is None:
                resident.turn_walk = None
                so_far = counted(whole(resident), before)
            else:
                so_far += counted(incremental, before)
            told(resident, before)
            assert so_far == counted(whole(resident), before)


def test_a_late_number_in_a_later_minute_that_fills_a_hole_takes_the_whole_anew() -> None:
    resident = held_of((0, PROMPT), (100, "dtmf"), (70_000, "dtmf"))
    resident.add(event(600, FIRST, None, 7), 50_000)
    told(resident, BASE + MINUTE)
    assert incremental_turn(resident, BASE + 2 * MINUTE, contiguous=True) is not None
    for number in (4, 5, 6):
        resident.add(event(80_000, "dtmf", None, number), 50_000)
    assert incremental_turn(resident, BASE + 2 * MINUTE, contiguous=True) is None
    assert incremental_turn(resident, BASE + 2 * MINUTE, contiguous=False) is not None


def test_a_number_after_all_others_leaves_emitted_samples_as_they_are() -> None:
    resident = held_of((0, PROMPT), (600, FIRST))
    told(resident, BASE + MINUTE)
    resident.add(event(80_000, "dtmf", None, 9), 50_000)
    incremental = incremental_turn(resident, BASE + 2 * MINUTE, contiguous=True)
    assert incremental is not None
    assert not counted(incremental)


@given(st.lists(events(), min_size=1, max_size=30), st.integers(0, 2))
def test_where_numbers_mean_nothing_the_numbers_change_nothing(some: list[Event], gap: int) -> None:
    resident, other = held_of((0, "dtmf")), held_of((0, "dtmf"))
    for one in some:
        resident.add(one, 50_000)
        number = one.sequence_number * (gap + 1)
        other.add(event(one.timestamp - BASE, one.name, None, number), 50_000)
    assert counted(whole(resident, contiguous=False)) == counted(whole(other, contiguous=False))


@pytest.mark.parametrize(("first", "told_to", "starts"), [(0, 0, 1), (1, 0, 1), (0, MINUTE, 0)])
def test_a_session_starts_in_the_minute_of_its_first_event_emitted_up_to_it_or_not(
    first: int, told_to: int, starts: int
) -> None:
    """Also where it begins on the very instant up to which all has been emitted."""
    resident = held_of((first, PROMPT), (first + MINUTE, PROMPT))
    resident.state.direct = EmitCursor(1, BASE + told_to)
    incremental = incremental_direct(resident, BASE + 2 * MINUTE)
    assert incremental is not None
    assert incremental.count("SessionsStarted") == starts


def test_a_kept_walk_stays_small_whatever_numbers_are_missing() -> None:
    resident = held_of(*[(n * 100, "dtmf") for n in range(LONG * 4)])
    resident.add(event(MINUTE * 2, PROMPT, None, LONG * 4 + 10), 50_000)
    assert incremental_turn(resident, BASE + MINUTE, contiguous=True) is not None
    assert resident.turn_walk is not None
    assert len(pickle.dumps(resident.turn_walk)) < len(resident.log) / 4
