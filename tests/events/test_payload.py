"""Canonical payloads: what is not said stays unknown, and what is said is all there is."""

from __future__ import annotations

import pytest

from worker.events.payload import (
    Configured,
    Interrupted,
    LanguageChanged,
    LanguageSettings,
    Latency,
    WrapUp,
    canonical_json,
)
from worker.metrics.dimension_values import UNKNOWN


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
