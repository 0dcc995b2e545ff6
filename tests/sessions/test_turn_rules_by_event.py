"""The turn rules' finer clauses: what is stamped when, what is void, what stays unpaired.

A sample is written ``(ms since BASE, value)``: when it was completed, and what it says.
"""

from __future__ import annotations

import pytest

from tests.building import (
    AGENT,
    AGENT_ENDS,
    CUSTOMER,
    CUSTOMER_ENDS,
    FINAL,
    FIRST,
    INTERRUPT,
    PROMPT,
    analysis_of,
    said,
    told_directly,
    values,
)


def test_each_sample_is_stamped_with_the_event_that_completes_it() -> None:
    assert said(
        (0, CUSTOMER),
        (1000, CUSTOMER_ENDS),
        (1000, PROMPT),
        (1600, FIRST),
        (1900, AGENT),
        (2100, FINAL, {"total_tokens": 1}),
        (4900, AGENT_ENDS),
    ) == {
        "ApplicationLatency": [(1600, 600)],
        "CallerWait": [(1900, 900)],
        "Turns": [(1900, 1)],
        "ResponseLatency": [(1900, 900)],
        "TokenStreamDuration": [(2100, 500)],
        "TokensPerSecond": [(2100, 2000)],
        "ReplyDuration": [(4900, 3000)],
        "TimeToReplyEnd": [(4900, 3900)],
    }


def test_a_session_starts_at_its_first_event_and_every_event_was_delivered() -> None:
    scene = ((70, "dtmf"), (90, "interrupt"))
    assert values(analysis_of(*scene), "DeliveryDelay") == [1000, 1000]
    assert told_directly(*scene) == {
        "SessionsStarted": [(70, 1)],
        "DtmfReceived": [(70, 1)],
        "Interruptions": [(90, 1)],
    }


# --- start_of_customer_speech


def test_speaking_twice_over_the_agent_interrupts_twice_and_loses_an_end() -> None:
    scene = ((0, AGENT), (100, CUSTOMER), (200, CUSTOMER))
    assert said(*scene) == {"InterruptionsByCustomer": [(100, 1), (200, 1)]}
    assert analysis_of(*scene).turns.lost_ends == 1


def test_prompts_are_settled_when_the_customer_speaks_after_an_utterance_not_over_one() -> None:
    before = ((0, PROMPT), (100, AGENT), (200, AGENT_ENDS))
    assert said(*before, (300, CUSTOMER), (900, "dtmf"))["UnansweredPrompts"] == [(300, 1)]
    over = said(*before, (250, AGENT), (300, CUSTOMER), (900, "dtmf"))
    assert over["UnansweredPrompts"] == [(900, 1)]


def test_an_utterance_that_ended_before_the_last_prompt_settles_nothing() -> None:
    found = said((0, AGENT), (100, AGENT_ENDS), (200, PROMPT), (300, CUSTOMER), (400, FIRST))
    assert found["ApplicationLatency"] == [(400, 200)]
    assert "UnansweredPrompts" not in found


def test_settling_ends_all_doubt() -> None:
    found = said(
        (0, PROMPT),
        (10, PROMPT),
        (100, AGENT),
        (200, AGENT_ENDS),
        (300, CUSTOMER),
        (400, CUSTOMER_ENDS),
        (400, PROMPT),
        (500, FIRST),
        (600, AGENT),
    )
    assert found["UnansweredPrompts"] == [(300, 1), (300, 1)]
    assert found["ApplicationLatency"] == [(500, 100)]
    assert found["ResponseLatency"] == [(600, 200)]


def test_a_new_utterance_voids_the_end_of_the_one_before() -> None:
    found = said((0, CUSTOMER_ENDS), (500, CUSTOMER), (700, PROMPT), (900, CUSTOMER_ENDS))
    assert found["AbandonedWaits"] == [(900, 1)]
    waited = said((0, CUSTOMER_ENDS), (500, CUSTOMER), (700, PROMPT), (1000, AGENT))
    assert waited["CallerWait"] == [(1000, 0)]


# --- end_of_customer_speech


def test_an_end_while_the_agent_speaks_is_no_end_that_waits_for_an_answer() -> None:
    found = said(
        (0, AGENT),
        (100, CUSTOMER),
        (200, CUSTOMER_ENDS),
        (300, AGENT_ENDS),
        (400, PROMPT),
        (500, FIRST),
        (600, AGENT),
    )
    assert "Turns" not in found
    assert found["CallerWait"] == [(600, 200)]


def test_a_second_end_moves_the_end_and_adds_no_talk() -> None:
    analysis = analysis_of(
        (0, CUSTOMER), (400, CUSTOMER_ENDS), (600, CUSTOMER_ENDS), (600, PROMPT), (700, FIRST),
        (900, AGENT),
    )  # fmt: skip
    assert values(analysis, "ResponseLatency") == [300]
    assert analysis.turns.customer_ms == 400


# --- prompt_sent


@pytest.mark.parametrize(("ends", "wait"), [([(0, CUSTOMER_ENDS)], 900), ([], 400)])
def test_a_wait_begins_with_the_customers_end_failing_that_with_the_prompt(
    ends: list[tuple[int, str]], wait: int
) -> None:
    assert said(*ends, (500, PROMPT), (900, AGENT))["CallerWait"] == [(900, wait)]


def test_later_prompts_do_not_begin_the_wait_anew() -> None:
    assert said((0, PROMPT), (500, PROMPT), (900, AGENT))["CallerWait"] == [(900, 900)]


# --- first_token_received


def test_a_reply_that_nobody_asked_for_makes_its_turn_ambiguous() -> None:
    analysis = analysis_of((0, CUSTOMER_ENDS), (100, FIRST), (200, AGENT))
    assert analysis.turns.unattributed_replies == 1
    assert values(analysis, "AmbiguousTurns") == [1]
    assert values(analysis, "ResponseLatency") == []


def test_in_doubt_the_oldest_prompt_is_dropped_and_doubt_stays_until_settled() -> None:
    found = said((0, PROMPT), (10, PROMPT), (20, FIRST), (30, FIRST), (40, PROMPT), (50, FIRST))
    assert found["AmbiguousReplies"] == [(20, 1), (30, 1), (50, 1)]
    assert "ApplicationLatency" not in found
    assert "UnansweredPrompts" not in found


def test_in_doubt_without_a_prompt_owed_a_reply_is_unattributed() -> None:
    analysis = analysis_of((0, PROMPT), (10, PROMPT), (20, FIRST), (30, FIRST), (40, FIRST))
    assert analysis.turns.unattributed_replies == 1


# --- final_token_received


def test_a_final_token_without_a_first_counts_a_reply_and_nothing_is_below_none() -> None:
    analysis = analysis_of((0, FINAL), (10, FINAL), (20, FIRST), (70, FINAL))
    assert analysis.direct.replies == 3
    assert values(analysis, "TokenStreamDuration") == [50]


def test_after_overlapping_replies_the_next_one_alone_is_measured() -> None:
    found = said((0, FIRST), (10, FIRST), (20, FINAL), (30, FINAL), (40, FIRST), (60, FINAL))
    assert found["TokenStreamDuration"] == [(60, 20)]


def test_a_reply_that_begins_within_void_ones_is_void_too() -> None:
    found = said((0, FIRST), (10, FIRST), (20, FINAL), (30, FIRST), (40, FINAL), (50, FINAL))
    assert "TokenStreamDuration" not in found


def test_no_reported_tokens_give_no_rate_and_zero_a_rate_of_zero() -> None:
    assert "TokensPerSecond" not in said((0, FIRST), (50, FINAL))
    zero = said((0, FIRST), (50, FINAL, {"total_tokens": 0}))
    assert zero["TokensPerSecond"] == [(50, 0)]


# --- start_of_agent_speech


def test_a_lost_end_of_the_agent_voids_what_its_utterance_remembered() -> None:
    analysis = analysis_of(
        (0, CUSTOMER_ENDS),
        (0, PROMPT),
        (100, FIRST),
        (200, AGENT),
        (300, INTERRUPT),
        (400, AGENT),
        (900, AGENT_ENDS),
    )
    assert analysis.turns.lost_ends == 1
    assert analysis.turns.agent_utterances == 2
    assert values(analysis, "ResponseLatency") == [200]
    assert values(analysis, "ReplyDuration") == [500]
    assert values(analysis, "TimeToReplyEnd") == []
    assert values(analysis, "BargeInStopTime") == []


def test_the_callers_own_words_are_no_waiting_where_their_start_is_known() -> None:
    wait = ((0, CUSTOMER_ENDS), (0, PROMPT))
    known = said(*wait, (100, CUSTOMER), (300, CUSTOMER_ENDS), (1000, AGENT))
    assert known["CallerWait"] == [(1000, 800)]
    unknown = said(*wait, (300, CUSTOMER_ENDS), (1000, AGENT))
    assert unknown["CallerWait"] == [(1000, 1000)]
    lost = said(*wait, (100, CUSTOMER), (200, CUSTOMER), (300, CUSTOMER_ENDS), (1000, AGENT))
    assert lost["CallerWait"] == [(1000, 900)]


def test_words_begun_before_the_wait_count_from_its_begin() -> None:
    found = said((0, CUSTOMER), (500, PROMPT), (700, CUSTOMER_ENDS), (1000, AGENT))
    assert found["CallerWait"] == [(1000, 300)]
    still = said((0, CUSTOMER), (500, PROMPT), (1000, AGENT))
    assert still["CallerWait"] == [(1000, 0)]


def test_speech_in_one_wait_is_not_taken_off_the_next() -> None:
    found = said(
        (0, PROMPT),
        (100, CUSTOMER),
        (300, CUSTOMER_ENDS),
        (400, AGENT),
        (500, AGENT_ENDS),
        (600, PROMPT),
        (1000, AGENT),
    )
    assert found["CallerWait"] == [(400, 200), (1000, 400)]


def test_two_unheard_replies_make_a_turn_ambiguous() -> None:
    found = said(
        (0, CUSTOMER_ENDS), (0, PROMPT), (100, FIRST), (110, PROMPT), (200, FIRST), (300, AGENT)
    )
    assert found["ApplicationLatency"] == [(100, 100), (200, 90)]
    assert found["AmbiguousTurns"] == [(300, 1)]
    assert "ResponseLatency" not in found


def test_an_utterance_without_any_reply_or_prompt_is_no_turn() -> None:
    found = said((0, CUSTOMER), (500, CUSTOMER_ENDS), (900, AGENT))
    assert "Turns" not in found


def test_a_sure_reply_from_before_the_customers_end_answers_no_turn() -> None:
    found = said((0, PROMPT), (100, FIRST), (200, CUSTOMER), (300, CUSTOMER_ENDS), (400, AGENT))
    assert "Turns" not in found
    assert found["CallerWait"] == [(400, 300)]


def test_a_reply_begun_at_the_very_end_of_the_customers_words_answers_them() -> None:
    found = said((0, PROMPT), (100, CUSTOMER_ENDS), (100, FIRST), (200, AGENT))
    assert found["ResponseLatency"] == [(200, 100)]


@pytest.mark.parametrize(
    "before",
    [
        [(0, PROMPT), (10, CUSTOMER), (20, FIRST), (30, CUSTOMER_ENDS)],  # muddled
        [(0, PROMPT), (5, PROMPT), (10, FIRST), (20, FIRST), (30, CUSTOMER_ENDS)],  # doubt
        [(20, CUSTOMER_ENDS), (30, PROMPT)],  # owed, the audio is ahead of its first token
    ],
)
def test_a_turn_without_a_reply_of_its_own_is_ambiguous_only_if_something_is_open(
    before: list[tuple[int, str]],
) -> None:
    found = said(*before, (100, AGENT))
    assert (found["Turns"], found["AmbiguousTurns"]) == ([(100, 1)], [(100, 1)])


def test_muddle_ends_with_the_agents_next_words() -> None:
    found = said(
        (0, PROMPT),
        (100, CUSTOMER),
        (200, FIRST),
        (300, AGENT),
        (400, CUSTOMER_ENDS),
        (500, AGENT_ENDS),
        (600, CUSTOMER),
        (700, CUSTOMER_ENDS),
        (700, PROMPT),
        (800, FIRST),
        (900, AGENT),
    )
    assert found["ResponseLatency"] == [(900, 200)]


def test_a_reply_is_heard_once() -> None:
    found = said(
        (0, CUSTOMER_ENDS),
        (0, PROMPT),
        (100, FIRST),
        (200, AGENT),
        (300, AGENT_ENDS),
        (400, CUSTOMER_ENDS),
        (500, AGENT),
    )
    assert found["Turns"] == [(200, 1)]


def test_a_heard_reply_casts_no_doubt_on_the_next() -> None:
    found = said(
        (0, CUSTOMER_ENDS),
        (0, PROMPT),
        (100, FIRST),
        (200, AGENT),
        (300, AGENT_ENDS),
        (400, CUSTOMER_ENDS),
        (400, PROMPT),
        (500, FIRST),
        (600, AGENT),
    )
    assert found["ResponseLatency"] == [(200, 200), (600, 200)]


def test_the_greeting_counts_from_the_earliest_configuration() -> None:
    found = said((0, "configurations"), (100, "configurations"), (400, AGENT))
    assert found["TimeToFirstAudio"] == [(400, 400)]


@pytest.mark.parametrize(
    "scene",
    [
        [(400, AGENT)],
        [(400, AGENT), (410, "configurations"), (500, AGENT_ENDS), (600, AGENT)],
        [(0, "configurations"), (100, FIRST), (400, AGENT)],
        [(0, "configurations"), (100, PROMPT), (200, FIRST), (400, AGENT)],
    ],
    ids=["unconfigured", "configured too late", "a reply came first", "a prompt's reply"],
)
def test_without_a_configuration_or_after_a_reply_there_is_no_greeting(
    scene: list[tuple[int, str]],
) -> None:
    assert "TimeToFirstAudio" not in said(*scene)


# --- end_of_agent_speech


def test_an_utterance_that_answers_nothing_has_a_duration_and_no_time_to_its_end() -> None:
    found = said((0, AGENT), (500, AGENT_ENDS))
    assert found == {"ReplyDuration": [(500, 500)]}


def test_a_second_end_of_one_utterance_says_nothing() -> None:
    found = said((0, AGENT), (300, AGENT_ENDS), (500, AGENT_ENDS))
    assert found["ReplyDuration"] == [(300, 300)]


def test_an_interrupt_of_an_earlier_utterance_stops_no_later_one() -> None:
    found = said((0, AGENT), (100, INTERRUPT), (200, AGENT_ENDS), (300, AGENT), (900, AGENT_ENDS))
    assert found["BargeInStopTime"] == [(200, 100)]
