"""Pinecall's sessions by the program, and by a second, plain reading of the definitions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.comparing import differences
from tests.oracle.pinecall_strategies import linked_dialogue
from tests.oracle.strategies import delivered
from tests.pinecall.mapping.logs import frames, mapped, mapped_frames, pages, records

seeds = st.integers(0, 2**32)


def test_a_whole_call_is_read_alike() -> None:
    assert differences(records(mapped(pages()))) == []


@pytest.mark.parametrize("name", ["sdk-capture.sse", "sdk-stream.sse"])
def test_frames_of_the_older_sdk_are_read_alike(name: str) -> None:
    assert differences(records(mapped_frames(frames(name)))) == []


@given(st.sets(st.integers(0, 63), max_size=6))
@settings(max_examples=30)
def test_a_call_with_losses_is_read_alike(lost: set[int]) -> None:
    whole = records(mapped(pages()))
    assert differences([one for n, one in enumerate(whole) if n not in lost]) == []


@given(linked_dialogue(4), seeds)
@settings(max_examples=100)
def test_any_course_of_a_linked_dialogue_is_read_alike(
    events: list[dict[str, Any]], seed: int
) -> None:
    assert differences(delivered(events, seed)) == []


@pytest.mark.slow
@given(linked_dialogue(9), seeds)
@settings(max_examples=600)
def test_any_long_course_of_a_linked_dialogue_is_read_alike(
    events: list[dict[str, Any]], seed: int
) -> None:
    assert differences(delivered(events, seed)) == []
