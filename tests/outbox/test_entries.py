"""What is known of an attempt: the words for it, and whether the entry leaves the outbox."""

from __future__ import annotations

import pytest

from worker.outbox.entries import DeliveryOutcome


@pytest.mark.parametrize(
    ("word", "ends"),
    [
        ("applied", True),
        ("not applied", False),
        ("ambiguous", False),
        ("invalid", True),
        ("too old", True),
        ("dropped", True),
    ],
)
def test_an_entry_stays_while_another_attempt_may_be_made(word: str, *, ends: bool) -> None:
    """The words are those of the log, by which people search it."""
    assert DeliveryOutcome(word).is_final == ends


def test_there_are_no_other_outcomes() -> None:
    assert len(DeliveryOutcome) == 6
