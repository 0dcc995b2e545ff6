"""What a session's events say beyond what was told comes to the same as reading all of them."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.building import FIRST, PROMPT, event, held_of
from tests.scenes import BASE
from worker.events.event import EVENT_CODES, Event
from worker.sessions.analysis import turn_samples
from worker.sessions.incremental import further_turn
from worker.sessions.resident import Held
from worker.sessions.samples import Kind, Samples
from worker.sessions.state import Mark
from worker.times.minutes import MINUTE, minute_of

LONG = 250
"""From so many events on a session's walk is kept."""

END = BASE + 100 * MINUTE


def counted(samples: Samples, before: int = END) -> Counter[tuple[object, int, Kind, int]]:
    """Samples of the minutes before ``before`` (epoch ms), as a multiset."""
    return Counter(
        (context, minute, kind, value)
        for (context, minute), part in samples.parts.items()
        if minute < before
        for kind, values in part.items()
        for value in values
    )


def whole(held: Held, *, contiguous: bool = True) -> Samples:
    return turn_samples(held.rows(), held.state.base, closing=False, contiguous=contiguous)


def told(held: Held, before: int) -> None:
    held.state.turn = Mark(held.state.count, before)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Mostly numbered in the order of their times, with holes and numbers that come twice."""
    name = draw(st.sampled_from([*EVENT_CODES, PROMPT, FIRST]))
    at = draw(st.integers(0, 20))
    number = at if draw(st.integers(0, 5)) else draw(st.integers(0, 20))
    return event(at * 9_000, name, None, LONG + number)


@settings(max_examples=300)
@given(st.lists(events(), min_size=1, max_size=30), st.integers(0, 10**6), st.booleans())
def test_what_is_new_and_what_was_told_are_the_whole_or_it_says_that_they_are_not(
    some: list[Event], seed: int, long: bool
) -> None:
    """Also where a kept walk goes on: what has been told of a whole is what is still true of it."""
    rng = Random(seed)
    held = held_of(*[(0, "dtmf")] * (LONG if long else 0))
    so_far: Counter[tuple[object, int, Kind, int]] = Counter()
    before = BASE - MINUTE
    told(held, before)
    some.sort(key=lambda one: one.timestamp + rng.randrange(100_000))
    for one in some:
        held.add(one, 50_000)
        if rng.random() < 0.4:
            oldest, following = held.state.turn.oldest_new, before + rng.randrange(2) * MINUTE
            further = None if oldest and oldest < before else further_turn(held, following)
            before = minute_of(following)
            if further is None:
                held.turn_walk = None
                so_far = counted(whole(held), before)
            else:
                so_far += counted(further, before)
            told(held, before)
            assert so_far == counted(whole(held), before)


def test_a_late_number_in_a_later_minute_that_fills_a_hole_takes_the_whole_anew() -> None:
    held = held_of((0, PROMPT), (100, "dtmf"), (70_000, "dtmf"))
    held.add(event(600, FIRST, None, 7), 50_000)
    told(held, BASE + MINUTE)
    assert further_turn(held, BASE + 2 * MINUTE) is not None
    for number in (4, 5, 6):
        held.add(event(80_000, "dtmf", None, number), 50_000)
    assert further_turn(held, BASE + 2 * MINUTE) is None
    assert further_turn(held, BASE + 2 * MINUTE, contiguous=False) is not None


def test_a_number_after_all_others_leaves_what_was_told() -> None:
    held = held_of((0, PROMPT), (600, FIRST))
    told(held, BASE + MINUTE)
    held.add(event(80_000, "dtmf", None, 9), 50_000)
    further = further_turn(held, BASE + 2 * MINUTE)
    assert further is not None
    assert not counted(further)


@given(st.lists(events(), min_size=1, max_size=30), st.integers(0, 2))
def test_where_numbers_mean_nothing_the_numbers_change_nothing(some: list[Event], gap: int) -> None:
    held, other = held_of((0, "dtmf")), held_of((0, "dtmf"))
    for one in some:
        held.add(one, 50_000)
        number = one.sequence_number * (gap + 1)
        other.add(event(one.timestamp - BASE, one.name, None, number), 50_000)
    assert counted(whole(held, contiguous=False)) == counted(whole(other, contiguous=False))
