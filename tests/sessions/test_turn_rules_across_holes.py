"""The turn rules where events are missing: a span with a hole proves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.building import (
    AGENT,
    AGENT_ENDS,
    CUSTOMER,
    CUSTOMER_ENDS,
    FINAL,
    FIRST,
    INTERRUPT,
    LOST,
    PROMPT,
    analysis_of,
    event,
    said,
    values,
)
from tests.scenes import BASE
from worker.sessions.analysis import analyse
from worker.sessions.event_log import logged_event

CONFIGURED = (0, "configurations", {"configurations": {"ttsLanguage": "en-US"}})
HANG_UP = (9000, "call_wrap_up")
"""An event after all others, by which nothing begins and nothing ends."""

ASKED: list[tuple[Any, ...]] = [(0, CUSTOMER), (1000, CUSTOMER_ENDS), (1000, PROMPT)]
ANSWERED: list[tuple[Any, ...]] = [(1600, FIRST), (1900, AGENT), (2100, FINAL), (4900, AGENT_ENDS)]


def outcomes(*scene: tuple[Any, ...]) -> list[tuple[int, str]]:
    return [(row.at - BASE, row.outcome) for row in analysis_of(*scene).rows]


# --- replies and prompts


def test_a_first_token_across_a_hole_leaves_its_prompt_in_doubt_and_is_not_sure() -> None:
    samples = said(*ASKED, LOST, *ANSWERED)
    assert "ApplicationLatency" not in samples
    assert samples["DoubtfulPrompts"] == [(1600, 1)]
    assert "UnansweredPrompts" not in samples
    (row,) = analysis_of(*ASKED, LOST, *ANSWERED).rows
    assert row.application_ms is None


def test_the_reply_to_a_doubtful_prompt_makes_no_turn_sure_even_without_a_hole_in_it() -> None:
    samples = said((0, PROMPT), LOST, (700, CUSTOMER_ENDS), (900, FIRST), (950, AGENT))
    assert samples["DoubtfulPrompts"] == [(900, 1)]
    assert samples["AmbiguousTurns"] == [(950, 1)]
    assert "ResponseLatency" not in samples


def test_in_doubt_a_reply_is_ambiguous_whatever_is_missing() -> None:
    samples = said((0, PROMPT), (10, PROMPT), LOST, (20, FIRST), closing=False)
    assert samples == {"AmbiguousReplies": [(20, 1)]}


def test_a_prompt_that_would_be_unanswered_across_a_hole_is_doubtful_at_what_drops_it() -> None:
    settled = ((0, PROMPT), LOST, (100, AGENT), (900, AGENT_ENDS), (2000, CUSTOMER))
    assert said(*settled, closing=False)["DoubtfulPrompts"] == [(2000, 1)]
    interrupted = said((0, PROMPT), LOST, (50, INTERRUPT), closing=False)
    assert interrupted == {"DoubtfulPrompts": [(50, 1)]}
    closed = said((0, AGENT), (5, PROMPT), LOST, HANG_UP)
    assert closed == {"DoubtfulPrompts": [(9000, 1)]}


def test_only_the_prompts_across_a_hole_are_doubtful() -> None:
    samples = said((0, PROMPT), LOST, (10, PROMPT), (20, INTERRUPT), closing=False)
    assert samples == {"DoubtfulPrompts": [(20, 1)], "UnansweredPrompts": [(20, 1)]}


def test_a_token_stream_is_measured_without_a_hole_only() -> None:
    final = (900, FINAL, {"total_tokens": 9})
    assert set(said((0, FIRST), final)) == {"TokenStreamDuration", "TokensPerSecond"}
    assert said((0, FIRST), LOST, final) == {}


def test_a_reply_across_a_hole_is_in_progress_alone_and_not_measured() -> None:
    lost_final = ((0, FIRST), LOST, (900, FIRST), (1000, FINAL))
    assert said(*lost_final) == {}
    later = said(*lost_final, (1100, FIRST), (1500, FINAL))
    assert later == {"TokenStreamDuration": [(1500, 400)]}


def test_a_reply_across_a_hole_forgets_all_that_was_in_progress() -> None:
    scene = ((0, FIRST), (10, FIRST), LOST, LOST, (900, FIRST), (1000, FINAL))
    assert said(*scene, (1100, FIRST), (1500, FINAL)) == {"TokenStreamDuration": [(1500, 400)]}


# --- turns


def test_a_turn_across_a_hole_is_doubtful_and_neither_measured_nor_ambiguous() -> None:
    samples = said(*ASKED, LOST, *ANSWERED)
    assert samples["Turns"] == samples["DoubtfulTurns"] == [(1900, 1)]
    assert not {"ResponseLatency", "AmbiguousTurns", "TimeToReplyEnd"} & set(samples)
    assert outcomes(*ASKED, LOST, *ANSWERED) == [(1000, "doubtful")]


def test_an_ambiguous_turn_across_a_hole_is_doubtful_instead() -> None:
    samples = said((0, CUSTOMER_ENDS), (0, PROMPT), LOST, (900, AGENT), closing=False)
    assert samples["Turns"] == samples["DoubtfulTurns"] == [(900, 1)]
    assert "AmbiguousTurns" not in samples


def test_an_utterance_that_is_no_turn_is_none_across_a_hole_either() -> None:
    assert said((0, CUSTOMER_ENDS), LOST, (900, AGENT)) == {}


def test_the_time_to_a_replys_end_is_measured_without_a_hole_since_the_customers_end() -> None:
    whole = said(*ASKED, *ANSWERED)
    assert whole["TimeToReplyEnd"] == [(4900, 3900)]
    samples = said(*ASKED, *ANSWERED[:-1], LOST, ANSWERED[-1])
    assert samples["ResponseLatency"] == [(1900, 900)]
    assert "TimeToReplyEnd" not in samples


# --- waits


def test_a_single_missing_event_does_not_put_a_wait_in_doubt() -> None:
    assert said(*ASKED, LOST, *ANSWERED)["CallerWait"] == [(1900, 900)]


def test_two_missing_events_may_be_an_utterance_and_put_a_wait_in_doubt() -> None:
    samples = said(*ASKED, LOST, LOST, *ANSWERED)
    assert samples["DoubtfulWaits"] == [(1900, 1)]
    assert "CallerWait" not in samples
    (row,) = analysis_of(*ASKED, LOST, LOST, *ANSWERED).rows
    assert (row.outcome, row.caller_wait_ms) == ("doubtful", None)


@pytest.mark.parametrize(
    "heard",
    [
        [(1200, AGENT_ENDS)],  # the agent has answered; its start is missing
        [(1200, CUSTOMER), (1400, CUSTOMER), (1500, CUSTOMER_ENDS)],  # an end is missing
        [(1200, CUSTOMER_ENDS)],  # a start is missing
        [(1200, CUSTOMER)],  # an end may be missing: the customer still speaks
    ],
)
def test_speech_without_its_partner_puts_a_wait_in_doubt_if_an_event_is_missing(
    heard: list[tuple[Any, ...]],
) -> None:
    assert "CallerWait" in said(*ASKED, *heard, (1900, AGENT))
    for scene in ([*ASKED, LOST, *heard], [*ASKED, *heard, LOST]):
        samples = said(*scene, (1900, AGENT))
        assert "CallerWait" not in samples
        assert samples["DoubtfulWaits"] == [(1900, 1)]


def test_speech_with_its_partner_leaves_a_wait_as_it_is() -> None:
    cough = [(1200, CUSTOMER), (1400, CUSTOMER_ENDS)]
    assert said(*ASKED, *cough, LOST, (1900, AGENT))["CallerWait"] == [(1900, 700)]


def test_an_agent_heard_to_end_before_the_prompt_puts_the_wait_in_doubt() -> None:
    scene = ((1000, CUSTOMER_ENDS), LOST, (1500, AGENT_ENDS), (1600, PROMPT), (1900, AGENT))
    assert said(*scene)["DoubtfulWaits"] == [(1900, 1)]


def test_speech_without_its_partner_before_a_wait_is_none_of_its_business() -> None:
    before = [(0, AGENT_ENDS), (10, CUSTOMER_ENDS), (20, AGENT), (500, AGENT_ENDS)]
    samples = said(*before, (900, CUSTOMER_ENDS), (900, PROMPT), LOST, (1900, AGENT))
    assert samples["CallerWait"] == [(1900, 1000)]


def test_a_lost_end_of_the_customers_speech_makes_no_short_wait() -> None:
    """The wait would count from the prompt: the span that proves it begins before that."""
    scene = ((0, CUSTOMER), LOST, (5000, PROMPT), (5300, AGENT))
    samples = said(*scene)
    assert samples["DoubtfulWaits"] == [(5300, 1)]
    assert "CallerWait" not in samples


def test_the_span_of_a_wait_without_an_end_begins_with_the_last_speech_before_the_prompt() -> None:
    key_press = ((0, AGENT), (900, AGENT_ENDS))
    assert said(*key_press, (2000, PROMPT), (2500, AGENT))["CallerWait"] == [(2500, 500)]
    samples = said(*key_press, LOST, LOST, (2000, PROMPT), (2500, AGENT))
    assert samples["DoubtfulWaits"] == [(2500, 1)]
    nobody_spoke = ((0, "dtmf"), LOST, LOST, (2000, PROMPT), (2500, AGENT))
    assert said(*nobody_spoke)["CallerWait"] == [(2500, 500)]


def test_an_abandoned_wait_with_a_hole_up_to_the_sessions_end_is_doubtful() -> None:
    whole = said(*ASKED, HANG_UP)
    assert whole["AbandonedWaits"] == [(9000, 1)]
    samples = said(*ASKED, LOST, HANG_UP)
    assert samples["DoubtfulWaits"] == samples["DoubtfulPrompts"] == [(9000, 1)]
    assert not {"AbandonedWaits", "UnansweredPrompts"} & set(samples)
    assert outcomes(*ASKED, LOST, HANG_UP) == [(1000, "doubtful")]


def test_a_doubtful_prompt_has_a_row_of_its_own_unless_the_caller_waited_for_it() -> None:
    assert outcomes((0, AGENT), (5, PROMPT), LOST, HANG_UP) == [(5, "doubtful")]


def test_a_wait_in_doubt_is_over_as_any_other() -> None:
    again = ((5000, CUSTOMER_ENDS), (5000, PROMPT), (5400, AGENT))
    samples = said(*ASKED, LOST, LOST, (1900, AGENT), (4900, AGENT_ENDS), *again)
    assert samples["CallerWait"] == [(5400, 400)]


# --- utterances, interruptions, silence


def test_a_replys_duration_may_lack_one_event_and_no_more() -> None:
    assert said((0, AGENT), LOST, (900, AGENT_ENDS)) == {"ReplyDuration": [(900, 900)]}
    analysis = analysis_of((0, AGENT), LOST, LOST, (900, AGENT_ENDS))
    assert said((0, AGENT), LOST, LOST, (900, AGENT_ENDS)) == {}
    assert analysis.turns.agent_ms == 900


def test_a_turn_whose_reply_may_be_two_has_no_duration_in_its_row() -> None:
    (row,) = analysis_of(*ASKED, *ANSWERED[:-1], LOST, LOST, ANSWERED[-1]).rows
    assert (row.outcome, row.response_ms, row.reply_ms) == ("answered", 900, None)


def test_a_stop_is_timed_without_a_hole_since_the_interrupt() -> None:
    scene = [(0, AGENT), LOST, (500, INTERRUPT), (900, AGENT_ENDS)]
    assert said(*scene)["BargeInStopTime"] == [(900, 400)]
    assert "BargeInStopTime" not in said(*scene[:3], LOST, scene[3])


def test_the_greeting_is_timed_without_a_hole_since_the_configuration() -> None:
    assert said(CONFIGURED, (400, AGENT)) == {"TimeToFirstAudio": [(400, 400)]}
    assert said(CONFIGURED, LOST, (400, AGENT)) == {}
    assert outcomes(CONFIGURED, LOST, (400, AGENT)) == [(400, "greeting")]


@pytest.mark.parametrize(
    ("one", "other", "metric"),
    [(AGENT, CUSTOMER, "InterruptionsByCustomer"), (CUSTOMER, AGENT, "InterruptionsByAgent")],
)
def test_breaking_in_counts_without_a_hole_since_the_other_began(
    one: str, other: str, metric: str
) -> None:
    assert said((0, one), (500, other)) == {metric: [(500, 1)]}
    assert said((0, one), LOST, (500, other)) == {}


def test_a_silence_with_a_hole_is_not_the_longest() -> None:
    scene = ((0, "dtmf"), LOST, (5000, AGENT), (6000, AGENT_ENDS), (6700, CUSTOMER))
    assert analysis_of(*scene).longest_silence == 700
    assert analysis_of((0, AGENT), (10, AGENT_ENDS), LOST, HANG_UP).longest_silence == 0


# --- what a hole is


def test_only_a_hole_inside_the_span_counts() -> None:
    samples = said((0, "dtmf"), LOST, LOST, *ASKED, *ANSWERED, LOST, LOST, HANG_UP)
    assert samples == said(*ASKED, *ANSWERED)


def test_a_span_whose_numbers_run_backwards_has_the_same_holes() -> None:
    names = (CUSTOMER_ENDS, PROMPT, FIRST, AGENT)
    for numbers, metric in (
        ((9, 8, 7, 6), "ResponseLatency"),
        ((9, 8, 7, 5), "DoubtfulTurns"),
        ((8, 6, 5, 9), "ResponseLatency"),
    ):
        events = [event(at, names[at], None, number) for at, number in enumerate(numbers)]
        analysis = analyse(
            [logged_event(one, BASE) for one in events], BASE, closing=True, contiguous=True
        )
        assert len(values(analysis, metric)) == 1


def test_where_numbers_mean_nothing_a_missing_one_changes_nothing() -> None:
    scene = (*ASKED, LOST, LOST, *ANSWERED)
    rows = analysis_of(*scene).ordered.rows
    sparse = analyse(rows, BASE, closing=True, contiguous=False)
    parts = sparse.conversation.samples.parts.values()
    assert {kind for part in parts for kind in part} == set(said(*ASKED, *ANSWERED))
    assert (sparse.numbers.missing, sparse.holes) == (2, None)
