"""A dimension says no more than it may, and never one thing for two texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.identifying import identifies_someone
from worker.metrics.dimension_values import OTHER, UNKNOWN, dimension_value


@given(st.text(max_size=300))
def test_any_text_becomes_a_value_that_a_dimension_takes(text: str) -> None:
    made = dimension_value(text)
    assert 1 <= len(made) <= 255
    assert made.isascii()
    assert made.isprintable()
    assert made == made.strip()


@given(st.text("ab\u00e9\u202e \n~0", max_size=4), st.text("ab\u00e9\u202e \n~0", max_size=4))
def test_two_texts_become_two_values(one: str, other: str) -> None:
    assert (dimension_value(one) == dimension_value(other)) is (one == other)


def test_two_texts_that_are_too_long_become_two_values() -> None:
    one, other = (dimension_value("x" * 255 + end) for end in "ab")
    assert one != other
    assert len(one) == len(other) == 255


@pytest.mark.parametrize("text", ["elevenlabs", "en-US", "Vicki Generative", "64107", "x" * 255])
def test_what_is_fit_stays_as_it_is(text: str) -> None:
    assert dimension_value(text) == text


@given(st.sampled_from(["caf\u00e9", " a", "", OTHER, "x" * 256]))
def test_what_has_been_changed_is_never_what_somebody_reports(text: str) -> None:
    made = dimension_value(text)
    assert made == UNKNOWN or dimension_value(made) != made


@pytest.mark.parametrize(
    "text",
    [
        *("+15551234567", "(555) 123-4567", "15557654321", "+49 171 3920012", "0171 3920012"),
        *("198.51.100.77", "2001:db8::dead:beef", "alice.smith@example.com"),
        *("sip:bob@198.51.100.88", "4111 1111 1111 1111", "4111111111111111", "987-65-4320"),
        *(
            "wss://app.example.com/ws?caller=1",
            "CA" + "a" * 32,
            "it was " + "so very " * 8 + "late",
        ),
    ],
)
def test_who_is_meant_stays_unknown(text: str) -> None:
    assert identifies_someone(text)
    assert dimension_value(text) == OTHER
    assert dimension_value(f"voice {text} of") == OTHER


@pytest.mark.parametrize(
    "text",
    [
        *("claude-sonnet-4-5-20250929", "gpt-4o-mini-tts-2025-12-15", "nova-3-general"),
        *("en-US-Chirp3-HD-Aoede", "21m00Tcm4TlvDq8ikWAM", "eleven_flash_v2_5", "cmn-Hans-CN"),
        *("https://models.example/voice", "x" * 65, "three words long"),
    ],
)
def test_names_of_voices_and_models_identify_nobody(text: str) -> None:
    assert dimension_value(text) == text
