"""No text steers a terminal or reads otherwise than it is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.printable import escaped, escaped_line


@given(st.text(st.characters() | st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"])))
def test_nothing_that_is_shown_steers(text: str) -> None:
    shown = escaped(text)
    steering = [c for c in shown if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cs")]
    assert not steering
    assert not [c for c in shown if unicodedata.bidirectional(c) in ("RLO", "LRO", "RLI", "PDI")]
    assert len(escaped_line(text).splitlines()) <= 1


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=20))
def test_text_stays_as_it_is(text: str) -> None:
    assert escaped(text) == escaped_line(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b[2J", "\\x1b[2J"), ("\u202egnp", "\\u202egnp"), ("\U000e0041", "\\U000e0041")],
)
def test_what_would_steer_is_told_by_its_number(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_lines_stay_unless_one_is_asked_for() -> None:
    assert escaped("a\n\tb") == "a\n\tb"
    assert escaped_line("a\n\tb") == "a\\x0a\\x09b"
