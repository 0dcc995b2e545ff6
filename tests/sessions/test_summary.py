"""The per-session samples: each once, at the last minute, from the whole of a session."""

from __future__ import annotations

from typing import Any

import pytest

from tests.building import LOST, PROMPT, analysis_of
from worker.events.payload import WrapUp
from worker.sessions.samples import SampleKey
from worker.sessions.summary import summary_of
from worker.times.minutes import MINUTE

TURN: tuple[tuple[Any, ...], ...] = (
    (0, "start_of_customer_speech"),
    (1000, "end_of_customer_speech"),
    (1000, PROMPT),
    (1500, "first_token_received"),
    (2000, "start_of_agent_speech"),
    (2100, "final_token_received", {"total_tokens": 7, "total_words": 5}),
    (3000, "interrupt", {"type": "DTMF"}),
    (5000, "end_of_agent_speech"),
    (MINUTE + 9000, "call_wrap_up", {"duration_in_seconds": 69, "end_status": "hung_up"}),
)


def summarised(*scene: tuple[Any, ...]) -> dict[SampleKey, list[int]]:
    """All samples, which must be of one context and of the last minute."""
    analysis = analysis_of(*scene)
    (((_, minute), part),) = summary_of(analysis).parts.items()
    assert minute == analysis.last // MINUTE * MINUTE
    return dict(part)


def test_a_session_gives_each_of_its_figures_once() -> None:
    assert summarised(*TURN) == {
        ("SessionsEnded", "hung_up"): [1],
        "TokensPerSession": [7],
        "InterruptionsPerSession": [1],
        "TurnsPerSession": [1],
        "LongestSilence": [64_000],
        "MissingEvents": [0],
        "SessionDuration": [69],
        "AgentTalkShare": [7500],
    }


def test_without_a_wrap_up_there_is_no_duration_and_the_ending_is_none() -> None:
    found = summarised((0, PROMPT))
    assert found["SessionsEnded", "none"] == [1]
    assert found.keys().isdisjoint({"SessionDuration", "AgentTalkShare"})


def test_a_wrap_up_that_says_nothing_is_an_unknown_ending() -> None:
    found = summarised((0, PROMPT), (9, "call_wrap_up"))
    assert found["SessionsEnded", "unknown"] == [1]
    assert "SessionDuration" not in found


def test_a_wrap_up_without_a_duration_has_its_ending_all_the_same() -> None:
    found = summarised((0, PROMPT), (9, "call_wrap_up", WrapUp(None, "ended", "ended")))
    assert found["SessionsEnded", "ended"] == [1]
    assert "SessionDuration" not in found


@pytest.mark.parametrize(("kept", "sparse"), [(15, False), (14, True)])
def test_a_session_lacks_events_or_is_sparse_never_both(kept: int, sparse: bool) -> None:
    """Of twenty numbers more than a quarter must be missing."""
    scene: list[tuple[Any, ...]] = [(n, PROMPT) for n in range(kept - 1)]
    found = summarised(*scene, *[LOST] * (20 - kept), (99, PROMPT))
    missing = {"SparseSessions": [1]} if sparse else {"MissingEvents": [20 - kept]}
    assert {k: v for k, v in found.items() if k in ("SparseSessions", "MissingEvents")} == missing
