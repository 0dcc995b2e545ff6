"""The turn rules where something breaks: interrupts, the close; and what is talk, what silence."""

from __future__ import annotations

from typing import Any

from tests.building import (
    AGENT,
    AGENT_ENDS,
    CUSTOMER,
    CUSTOMER_ENDS,
    FIRST,
    INTERRUPT,
    PROMPT,
    analysis_of,
    said,
    values,
)


def test_an_interrupt_while_the_agent_is_silent_interrupts_no_utterance() -> None:
    analysis = analysis_of((0, INTERRUPT, {"type": "DTMF"}), (100, AGENT), (300, AGENT_ENDS))
    assert values(analysis, "Interruptions") == [1]
    assert values(analysis, "BargeInStopTime") == []


def test_without_words_over_the_agent_all_prompts_before_the_interrupt_are_void() -> None:
    found = said((0, PROMPT), (100, CUSTOMER), (200, PROMPT), (300, INTERRUPT), (400, "dtmf"))
    assert found["UnansweredPrompts"] == [(300, 1), (300, 1)]


def test_a_prompt_of_the_interrupts_own_moment_is_not_from_before_it() -> None:
    found = said((300, PROMPT), (300, INTERRUPT), (400, FIRST))
    assert found["ApplicationLatency"] == [(400, 100)]
    assert "UnansweredPrompts" not in found


def test_the_words_that_broke_in_keep_their_prompt_even_after_they_have_ended() -> None:
    found = said(
        (0, PROMPT),
        (50, AGENT),
        (100, CUSTOMER),
        (150, AGENT_ENDS),
        (200, CUSTOMER_ENDS),
        (200, PROMPT),
        (250, INTERRUPT),
        (300, FIRST),
    )
    assert found["UnansweredPrompts"] == [(250, 1)]
    assert found["ApplicationLatency"] == [(300, 100)]


def test_words_that_did_not_begin_over_the_agent_break_in_at_the_interrupt() -> None:
    found = said(
        (0, AGENT), (10, CUSTOMER), (20, CUSTOMER_ENDS), (30, AGENT_ENDS),
        (40, CUSTOMER), (50, PROMPT), (60, INTERRUPT), (70, "dtmf"),
    )  # fmt: skip
    assert found["UnansweredPrompts"] == [(60, 1)]


def test_an_interrupt_leaves_doubt_only_if_more_than_one_prompt_is_still_owed() -> None:
    over = ((0, PROMPT), (10, PROMPT), (50, AGENT), (100, CUSTOMER), (200, PROMPT))
    one = said(*over, (300, INTERRUPT), (400, FIRST))
    assert one["ApplicationLatency"] == [(400, 200)]
    two = said(*over, (250, PROMPT), (300, INTERRUPT), (400, FIRST))
    assert two["AmbiguousReplies"] == [(400, 1)]


def test_an_interrupt_takes_back_replies_that_were_not_heard() -> None:
    found = said((0, CUSTOMER_ENDS), (0, PROMPT), (100, FIRST), (200, INTERRUPT), (300, AGENT))
    assert "Turns" not in found
    assert found["CallerWait"] == [(300, 300)]


def test_an_interrupt_ends_the_muddle() -> None:
    found = said(
        (0, PROMPT),
        (100, CUSTOMER),
        (200, INTERRUPT),
        (300, CUSTOMER_ENDS),
        (300, PROMPT),
        (400, FIRST),
        (500, AGENT),
    )
    assert found["ResponseLatency"] == [(500, 200)]


# --- the close


def test_what_is_open_at_the_close_is_stamped_with_the_last_event() -> None:
    found = said((0, PROMPT), (10, PROMPT), (900, "play_media"))
    assert found["AbandonedWaits"] == [(900, 1)]
    assert found["UnansweredPrompts"] == [(900, 1), (900, 1)]


def test_nothing_that_the_close_decides_is_sampled_before_it() -> None:
    scene = ((0, PROMPT), (900, "dtmf"))
    assert said(*scene, closing=False) == {}
    assert said(*scene) == {"AbandonedWaits": [(900, 1)], "UnansweredPrompts": [(900, 1)]}


def test_a_heard_reply_leaves_nothing_to_abandon() -> None:
    found = said((0, PROMPT), (100, FIRST), (200, AGENT), (300, AGENT_ENDS), (9000, "dtmf"))
    assert "AbandonedWaits" not in found
    assert "UnansweredPrompts" not in found


# --- talk and silence


def silence(*scene: tuple[Any, ...]) -> int:
    return analysis_of(*scene).longest_silence


def test_silence_runs_from_the_first_event_to_the_last() -> None:
    assert silence((0, "dtmf"), (700, "dtmf")) == 700
    assert silence((0, "dtmf")) == 0
    assert silence((0, AGENT), (100, AGENT_ENDS), (800, "dtmf")) == 700
    assert silence((0, "dtmf"), (500, AGENT), (900, AGENT_ENDS), (1000, "dtmf")) == 500


def test_silence_needs_both_sides_to_be_silent() -> None:
    assert silence((0, CUSTOMER), (10, AGENT), (20, CUSTOMER_ENDS), (500, "dtmf")) == 0
    both = ((0, CUSTOMER), (10, AGENT), (20, CUSTOMER_ENDS), (30, AGENT_ENDS), (500, "dtmf"))
    assert silence(*both) == 470


def test_an_end_without_a_start_breaks_no_silence() -> None:
    assert silence((0, "dtmf"), (400, CUSTOMER_ENDS), (600, AGENT_ENDS), (1000, "dtmf")) == 1000


def test_one_still_speaking_at_the_end_adds_no_talk() -> None:
    turns = analysis_of((0, CUSTOMER), (10, AGENT), (500, "dtmf")).turns
    assert (turns.customer_ms, turns.agent_ms) == (0, 0)
