"""Runs of numbers are what a naive look at the set of a session's events says of it."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.building import event, held_of
from tests.counting import calls_by_name
from tests.scenes import BASE
from worker.events.event import Event
from worker.sessions.event_log import LoggedEvent, identity, logged_event
from worker.sessions.number_runs import MOST_RUNS, NumberRuns, Run
from worker.sessions.resident_session import ResidentSession
from worker.sessions.state import Session
from worker.times.minutes import BEFORE_ALL


def row(number: int, at: int | None = None, name: str = "dtmf") -> LoggedEvent:
    return logged_event(event(10 * number if at is None else at, name, None, number), BASE)


def taken_in(rows: list[LoggedEvent], cuts: list[int] | None = None) -> NumberRuns:
    """The runs of these events, taken in in portions of such sizes and the rest at once."""
    runs, start = NumberRuns(), 0
    for size in [*(cuts or []), len(rows)]:
        if portion := rows[start : start + size]:
            runs.take_in(portion)
        start += size
    if runs.repeated:
        runs.resolve(rows)
    return runs


def naive_runs(rows: list[LoggedEvent]) -> list[Run]:
    """The runs by the definition, of events whose order by number and by time is one."""
    times = {one.sequence_number: one.timestamp for one in rows}
    numbers = sorted(times)
    firsts = [n for n in numbers if n - 1 not in times]
    lasts = [n for n in numbers if n + 1 not in times]
    return [Run(a, b, times[a], times[b]) for a, b in zip(firsts, lasts, strict=True)]


def is_unordered(rows: list[LoggedEvent]) -> bool:
    """Whether two events share a number, or order by number is not order by time."""
    events = {identity(one): one for one in rows}.values()
    by_number = sorted(events, key=lambda one: (one.sequence_number, one.timestamp))
    return any(
        a.sequence_number == b.sequence_number or a.timestamp > b.timestamp
        for a, b in pairwise(by_number)
    )


numbers = st.lists(st.integers(0, 60), min_size=1, max_size=60)
cuts = st.lists(st.integers(0, 7), max_size=20)


@given(numbers, cuts)
def test_runs_are_the_stretches_without_a_gap(some: list[int], sizes: list[int]) -> None:
    rows = [row(number) for number in some]
    runs = taken_in(rows, sizes)
    assert not runs.unordered
    assert runs.runs == naive_runs(rows)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=9), cuts)
def test_numbers_are_of_no_use_where_they_disagree_with_time_or_stand_for_two_events(
    some: list[tuple[int, int]], sizes: list[int]
) -> None:
    rows = [row(number, at) for number, at in some]
    runs = taken_in(rows, sizes)
    assert runs.unordered == is_unordered(rows)
    assert runs.runs == ([] if runs.unordered else naive_runs(rows))


@given(st.integers(0, 10**6), st.integers(MOST_RUNS - 2, MOST_RUNS + 2), cuts)
def test_the_portions_don_t_matter_to_how_many_runs_there_ever_were(
    seed: int, gaps: int, sizes: list[int]
) -> None:
    """Every second number first, and then those between."""
    rng = Random(seed)
    odd, even = [2 * n + 1 for n in range(gaps)], [2 * n for n in range(gaps)]
    rng.shuffle(odd)
    rows = [row(number) for number in odd + even]
    one_by_one = taken_in(rows, [1] * len(rows))
    assert one_by_one.unordered == (gaps > MOST_RUNS)
    for other in (taken_in(rows, sizes), taken_in(rows, [gaps]), taken_in(rows)):
        assert (other.unordered, other.runs) == (one_by_one.unordered, one_by_one.runs)


@given(numbers, st.integers(-10, 700), st.booleans())
def test_a_session_is_complete_up_to_the_first_missing_number_that_is_not_given_up(
    some: list[int], given_up: int, begun: bool
) -> None:
    rows = [row(number) for number in some]
    latest, hole = BEFORE_ALL, False
    for run in naive_runs(rows):
        first = latest == BEFORE_ALL
        hole = run.earliest >= given_up and not (first and begun)
        if hole:
            break
        latest = run.latest
    assert taken_in(rows).frontier(given_up, begun=begun) == (latest, hole)


@given(numbers, st.integers(0, 60))
def test_a_session_is_complete_with_its_beginning_its_wrap_up_and_all_between(
    some: list[int], last: int
) -> None:
    rows = [row(number) for number in some if number != last]
    rows.append(row(last, name="call_wrap_up"))
    resident = {one.sequence_number for one in rows}
    whole = min(resident) <= 1 and all(n in resident for n in range(min(resident), last))
    assert taken_in(rows).complete == whole
    assert not taken_in([row(number) for number in some]).complete


def test_a_beginning_is_a_number_of_0_or_1_or_the_configurations() -> None:
    assert taken_in([row(0)]).begun
    assert taken_in([row(1)]).begun
    assert not taken_in([row(2)]).begun
    assert taken_in([row(9), row(7, name="configurations")]).begun


@given(st.lists(st.integers(0, 12), min_size=1, max_size=30), st.integers(0, 10**6))
def test_a_session_restored_at_any_point_knows_the_same_runs(some: list[int], seed: int) -> None:
    rng = Random(seed)
    resident, restored = held_of(), None
    for number in some:
        one = event(10 * number, "dtmf", rng.choice([None, {"a": 1}]), number, rng.randrange(99))
        for session in (resident, restored):
            if session is not None:
                session.add(one, 50_000)
        if restored is None and rng.random() < 0.1:
            restored = ResidentSession(resident.state.copy(), bytes(resident.log))
        if rng.random() < 0.3:
            assert resident.runs.runs == naive_runs(resident.rows())
    for session in (resident, restored or resident):
        assert not session.runs.unordered  # a repeat is no other event
        assert session.runs.runs == naive_runs(resident.rows())


def test_what_its_numbers_cost_a_session_in_a_minute_is_what_came_in_that_minute() -> None:
    resident = ResidentSession(Session(event(0, "dtmf").key, BASE))
    unpacked: list[int] = []
    for minute in range(10):
        for number in range(60 * minute, 60 * minute + 60):
            resident.add(
                Event(event(0, "dtmf").key, BASE + number, number, "dtmf", None, BASE), 10_000
            )
        made = calls_by_name(lambda: resident.runs.frontier(0, begun=True))
        unpacked.append(made["NumberRuns._join"])
        assert made["unpack_log"] == 1
    assert unpacked == [1] * 10
