"""Canonical payloads: what is not said stays unknown, and text fit for a dimension."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.events.payload import (
    UNKNOWN,
    Configured,
    Interrupted,
    LanguageChanged,
    LanguageSettings,
    Latency,
    WrapUp,
    canonical_json,
    plain,
)


def test_what_an_event_does_not_say_is_unknown_or_absent_and_never_a_value() -> None:
    assert WrapUp() == WrapUp(None, None, "unknown", None)
    assert Interrupted() == Interrupted("UNKNOWN")
    assert Configured() == Configured(UNKNOWN, UNKNOWN, LanguageSettings(), {}, 0, {}, None)
    assert LanguageChanged() == LanguageChanged(None, None, LanguageSettings(), None)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (None, "null"),
        (Latency(7), '{"ms":7}'),
        (Latency(7, said='{"ms":7.0}'), '{"ms":7.0}'),
        (WrapUp(185, "new_one", "other"), '{"seconds":185,"status":"new_one"}'),
        (WrapUp(), "{}"),
    ],
)
def test_a_payload_says_what_was_reported_and_no_more(payload: Latency | None, said: str) -> None:
    assert canonical_json(payload) == said


@given(st.text(max_size=300))
def test_any_text_becomes_fit_for_a_dimension(text: str) -> None:
    made = plain(text)
    assert 1 <= len(made) <= 255
    assert made == made.strip()
    assert made.isascii()
    assert made.isprintable()
    assert plain(made) == made


def test_a_text_is_cut_at_255_characters_and_what_has_none_is_unknown() -> None:
    assert plain("a" * 255) == "a" * 255
    assert plain("a" * 254 + " b") == "a" * 254
    assert plain(" \t") == "?"
    assert plain("  ") == UNKNOWN
