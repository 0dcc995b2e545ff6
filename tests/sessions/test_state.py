"""A session in memory knows every repeat, keeps what is new, and never more than it may."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.building import KEY, closed, event, held_of, parts_of, values
from tests.scenes import BASE
from worker.events.event import Event
from worker.events.payload import canonical_json
from worker.sessions.resident_session import ResidentSession
from worker.sessions.state import Session

MOST = 50_000


def fresh() -> ResidentSession:
    return ResidentSession(Session(KEY, BASE))


some_events = st.builds(
    event,
    st.integers(0, 3),
    st.sampled_from(["dtmf", "stt_latency", "odd"]),
    st.sampled_from([None, {"latency_ms": 1}, {"latency_ms": 2}]),
    st.sampled_from([-1, 0, 1, 4095, 4096, 2**63 - 1]),
)


@given(st.lists(some_events, max_size=30), st.integers(1, 8))
def test_an_arrival_is_new_a_repeat_a_conflict_or_cut_as_the_set_so_far_says(
    some: list[Event], most: int
) -> None:
    resident, known = fresh(), dict[tuple[int, int, str], set[str]]()
    folded = cut = 0
    for one in some:
        payloads = known.setdefault((one.timestamp, one.sequence_number, one.name), set())
        text = canonical_json(one.payload)
        if text in payloads:
            wanted = "duplicate"
        elif folded == most:
            wanted, cut = "cut", cut + 1
        else:
            wanted = "conflict" if payloads else "folded"
            folded += 1
            payloads.add(text)
        assert resident.add(one, most) == wanted
    state = resident.state
    assert (state.count, state.cut) == (folded, cut)
    assert len(resident.rows()) == folded


@given(st.lists(some_events, max_size=30), st.integers(0, 30))
def test_a_session_restored_from_its_log_knows_the_same_repeats(
    some: list[Event], cut: int
) -> None:
    kept, restored = fresh(), fresh()
    for n, one in enumerate(some):
        if n == cut:
            restored = ResidentSession(restored.state, bytes(restored.log))
        assert kept.add(one, MOST) == restored.add(one, MOST)
    assert kept.state == restored.state
    assert kept.log == restored.log


@given(st.lists(some_events, max_size=30), st.integers(1, 12))
def test_events_added_together_leave_what_they_leave_one_by_one(
    some: list[Event], most: int
) -> None:
    together, singly = fresh(), fresh()
    left = some
    while left:
        new = together.add_new(left, most)
        for one in left[new : new + 1]:
            together.add(one, most)
        left = left[new + 1 :]
    for one in some:
        singly.add(one, most)
    assert together.state == singly.state
    assert together.log == singly.log


@pytest.mark.parametrize("first_number", [0, 4096])
def test_repeats_are_found_in_a_long_session_too(first_number: int) -> None:
    resident = fresh()
    long = [event(n, "dtmf", None, first_number + n) for n in range(300)]
    assert {resident.add(one, MOST) for one in long} == {"folded"}
    assert {resident.add(one, MOST) for one in long} == {"duplicate"}
    other = event(299, "dtmf", {"a": 1}, first_number + 299)
    assert [resident.add(other, MOST), resident.add(other, MOST)] == ["conflict", "duplicate"]


def test_a_full_session_still_knows_its_repeats() -> None:
    resident = held_of((0, "dtmf"), (1, "dtmf"), most=2)
    assert resident.add(event(9, "dtmf", None, 9), 2) == "cut"
    assert resident.add(event(0, "dtmf", None, 1), 2) == "duplicate"


def test_the_same_number_and_name_at_another_time_is_another_event() -> None:
    resident = fresh()
    assert resident.add(event(0, "dtmf"), MOST) == "folded"
    assert resident.add(event(1, "dtmf"), MOST) == "folded"
    assert resident.add(event(0, "digit"), MOST) == "folded"


def test_a_repeat_is_a_repeat_whenever_it_arrives() -> None:
    resident = fresh()
    resident.add(event(0, "dtmf", delay=0), MOST)
    assert resident.add(event(0, "dtmf", delay=999_999), MOST) == "duplicate"
    assert resident.state.last_arrival == BASE


def test_times_of_the_first_and_the_latest_event_are_kept_up() -> None:
    resident = held_of((50, "dtmf"), (-20, "dtmf"), (30, "dtmf"))
    assert (resident.state.oldest, resident.state.newest) == (BASE - 20, BASE + 50)
    assert resident.state.last_arrival == BASE + 1050


def test_the_first_wrap_up_to_arrive_sets_the_clock_of_the_close() -> None:
    resident = held_of((0, "dtmf"), (10, "call_wrap_up"), (90, "call_wrap_up"))
    assert resident.state.wrap_up_arrival == BASE + 1010


def test_each_event_after_the_close_is_one_revision_and_a_repeat_none() -> None:
    resident = closed(held_of((0, "dtmf")))
    resident.add(event(5, "dtmf", None, 2), MOST)
    resident.add(event(5, "dtmf", None, 2), MOST)
    resident.add(event(6, "dtmf", None, 3), MOST)
    assert resident.state.revision == 3


def test_a_reading_is_of_all_events_and_of_the_first_few_on_demand() -> None:
    resident = held_of((0, "prompt_sent"), (10, "prompt_sent"))
    assert len(values(resident.analysis(contiguous=True), "Prompts")) == 2
    earlier = resident.analysis_of(1, closing=True, contiguous=True)
    assert values(earlier, "AbandonedWaits") == [1]
    resident.add(event(20, "prompt_sent", None, 9), MOST)
    assert len(values(resident.analysis(contiguous=True), "Prompts")) == 3


def test_forgetting_a_reading_loses_nothing() -> None:
    resident = held_of((0, "prompt_sent"), (10, "dtmf"))
    before = list(parts_of(resident.analysis(contiguous=True)))
    resident.forget_analysis()
    assert list(parts_of(resident.analysis(contiguous=True))) == before


def test_an_analysis_is_kept_until_it_is_forgotten() -> None:
    resident = held_of((0, "dtmf"))
    first = resident.analysis(contiguous=True)
    assert resident.analysis(contiguous=True) is first
    resident.forget_analysis()
    assert resident.analysis(contiguous=True) is not first
