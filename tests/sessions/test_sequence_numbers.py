"""Sequence numbers: which are missing, and between which."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.sessions.event_log import LoggedEvent, Ordered, in_order
from worker.sessions.sequence_numbers import Holes, holes_of, numbers_of

some_numbers = st.lists(
    st.one_of(st.integers(0, 30), st.sampled_from((-(2**40), 2**31 - 1))), min_size=1, max_size=30
)


def ordered(numbers: list[int]) -> Ordered:
    return in_order([LoggedEvent(at, number, "odd", None, 0) for at, number in enumerate(numbers)])


def found(numbers: list[int]) -> Holes:
    return holes_of(ordered(numbers)) or Holes(sorted(set(numbers)))


@given(some_numbers)
def test_missing_is_what_is_absent_between_the_first_and_the_last(numbers: list[int]) -> None:
    first, last, missing, present = numbers_of(ordered(numbers))
    assert (first, last) == (min(numbers), max(numbers))
    assert missing == last - first + 1 - present
    assert present == len(set(numbers))
    assert (holes_of(ordered(numbers)) is None) == (missing == 0)


@given(some_numbers, st.data())
def test_a_span_misses_the_numbers_strictly_between_its_ends_that_nobody_has(
    numbers: list[int], data: st.DataObject
) -> None:
    one, other = data.draw(st.sampled_from(numbers)), data.draw(st.sampled_from(numbers))
    low, high = min(one, other), max(one, other)
    between = max(0, high - low - 1) - len({n for n in numbers if low < n < high})
    assert found(numbers).between(one, other) == between
    assert found(numbers).between(other, one) == between


@given(some_numbers, st.data())
def test_a_span_has_a_hole_if_an_event_in_it_lacks_its_predecessor(
    numbers: list[int], data: st.DataObject
) -> None:
    one, other = data.draw(st.sampled_from(numbers)), data.draw(st.sampled_from(numbers))
    low, high = min(one, other), max(one, other)
    alone = any(n - 1 not in numbers for n in numbers if low < n <= high)
    assert (found(numbers).between(one, other) > 0) == alone


@given(some_numbers, some_numbers)
def test_numbers_beyond_a_span_change_nothing_in_it(numbers: list[int], more: list[int]) -> None:
    one, other = min(numbers), max(numbers)
    beyond = [n for n in more if not one < n < other]
    assert found(numbers + beyond).between(one, other) == found(numbers).between(one, other)
