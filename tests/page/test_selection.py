"""Which calls are meant, and which of them are worst."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.page.calls import records
from worker.page.selection import NUMBERS, TEXTS, Condition, condition, worst_by


@pytest.mark.parametrize("by", list(NUMBERS))
def test_the_worst_are_those_with_the_greatest_numbers_in_descending_order(by: str) -> None:
    values = [value for one in records() if (value := NUMBERS[by](one)) is not None]
    found = [NUMBERS[by](one) for one in worst_by(records(), by, 7)]
    assert found == sorted(values, reverse=True)[:7]


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        ("=", {3}),
        ("!=", {1, 2, 4, 5}),
        ("<", {1, 2}),
        ("<=", {1, 2, 3}),
        (">", {4, 5}),
        (">=", {3, 4, 5}),
    ],
)
def test_a_condition_on_a_number_compares_it(comparison: str, expected: set[int]) -> None:
    rule = condition(f" turns {comparison} 3 ")
    assert isinstance(rule, Condition)
    calls = [replace(records()[0], turns=turns) for turns in range(1, 6)]
    assert {one.turns for one in calls if rule.holds(one)} == expected


def test_a_call_without_the_number_meets_no_condition_on_it() -> None:
    without = replace(records()[0], duration_s=None)
    for text in ("duration<1", "duration>=1", "duration!=1"):
        rule = condition(text)
        assert isinstance(rule, Condition)
        assert not rule.holds(without)


def test_a_condition_on_a_text_compares_the_whole() -> None:
    rule = condition("language=de-DE")
    assert isinstance(rule, Condition)
    assert {TEXTS["language"](one) for one in records() if rule.holds(one)} == {"de-DE"}
    other = condition("language!=de-DE")
    assert isinstance(other, Condition)
    assert all(other.holds(one) != rule.holds(one) for one in records())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("language", "not a condition"),
        ("colour=red", "there is no colour"),
        ("language>de", "is a text"),
        ("errors>some", "is a number"),
    ],
)
def test_what_is_no_condition_says_why(text: str, why: str) -> None:
    found = condition(text)
    assert isinstance(found, str)
    assert why in found
