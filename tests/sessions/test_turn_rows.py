"""A call turn by turn: which row there is, and what stands in it."""

from __future__ import annotations

from typing import Any

from tests.building import analysis_of
from tests.scenes import BASE
from worker.sessions.turn_rows import MAX_ROWS, TurnRow

CONFIGURED = (0, "configurations", {"configurations": {"ttsLanguage": "en-US"}})
SPANISH = {"tts_language_code": "es-US"}


def rows(*scene: tuple[Any, ...]) -> list[TurnRow]:
    return analysis_of(*scene).rows


def turn(start: int, tokens: int = 10) -> list[tuple[Any, ...]]:
    """A turn of 2 s; its reply takes 300 ms to begin and 500 ms to be heard."""
    return [
        (start, "end_of_customer_speech"),
        (start, "prompt_sent"),
        (start + 300, "first_token_received"),
        (start + 500, "start_of_agent_speech"),
        (start + 700, "final_token_received", {"total_tokens": tokens}),
        (start + 2000, "end_of_agent_speech"),
    ]


def outcomes(*scene: tuple[Any, ...]) -> list[tuple[int, str]]:
    return [(row.at - BASE, row.outcome) for row in rows(*scene)]


def test_a_row_stands_at_the_customers_end_with_all_that_was_measured() -> None:
    (row,) = rows((0, "stt_latency", {"latency_ms": 90}), *turn(1000))
    assert row == TurnRow(
        BASE + 1000,
        "answered",
        "unknown",
        caller_wait_ms=500,
        response_ms=500,
        application_ms=300,
        stt_ms=90,
        reply_ms=1500,
        tokens=10,
    )


def test_the_greeting_is_a_row_of_its_own_at_its_audio() -> None:
    scene = (CONFIGURED, (400, "tts_latency", {"latency_ms": 80}), (400, "start_of_agent_speech"))
    (row,) = rows(*scene, (1400, "end_of_agent_speech"))
    assert row == TurnRow(BASE + 400, "greeting", "en-US", tts_ms=80, reply_ms=1000)


def test_a_greeting_that_answers_a_hello_is_a_turn() -> None:
    assert outcomes(
        CONFIGURED,
        (100, "end_of_customer_speech"),
        (100, "prompt_sent"),
        (400, "start_of_agent_speech"),
    ) == [(100, "ambiguous"), (100, "unanswered")]


def test_measurements_stand_in_the_next_utterances_row_and_in_no_other() -> None:
    first, second = rows((0, "stt_latency", {"latency_ms": 90}), *turn(1000), *turn(5000, 20))
    assert (first.stt_ms, first.tokens) == (90, 10)
    assert (second.stt_ms, second.tokens) == (None, 20)


def test_a_broken_in_turn_is_interrupted_and_a_greeting_stays_one() -> None:
    interrupt = (1600, "interrupt", {"type": "SPEECH"})
    assert outcomes(*turn(1000)[:4], interrupt) == [(1000, "interrupted")]
    greeting = (CONFIGURED, (400, "start_of_agent_speech"), (500, "interrupt"))
    assert outcomes(*greeting) == [(400, "greeting")]


def test_prompts_that_nobody_answered_stand_at_their_time() -> None:
    assert outcomes((100, "prompt_sent"), (300, "interrupt"), (400, "start_of_agent_speech")) == [
        (100, "unanswered")
    ]


def test_prompts_of_an_abandoned_wait_stand_in_its_row() -> None:
    scene = ((0, "end_of_customer_speech"), (50, "prompt_sent"), (90, "prompt_sent"))
    assert outcomes(*scene, (9000, "call_wrap_up")) == [(0, "abandoned")]


def test_a_row_has_the_language_in_force_when_it_began() -> None:
    first, second = rows(
        (0, "configurations", {"configurations": {"ttsLanguage": "en-US"}}),
        *turn(1000),
        (4000, "language_changed", SPANISH),
        *turn(5000),
    )
    assert (first.language, second.language) == ("en-US", "es-US")


def test_tokens_of_a_newer_reply_stand_in_the_next_row() -> None:
    early = (1600, "first_token_received")
    scene = [*turn(1000)[:4], early, (1800, "final_token_received", {"total_tokens": 7})]
    next_turn = [(3000, "end_of_customer_speech"), (3000, "prompt_sent")]
    first, second, *_ = rows(
        *scene,
        (2000, "end_of_agent_speech"),
        *next_turn,
        (3500, "start_of_agent_speech"),
    )
    assert (first.tokens, second.tokens) == (None, 7)


def test_rows_are_sorted_by_their_time() -> None:
    at = [row.at for row in rows((500, "prompt_sent"), (600, "prompt_sent"), *turn(1000))]
    assert at == sorted(at)


def test_at_most_200_rows_are_kept_and_the_others_counted() -> None:
    scene = [one for n in range(MAX_ROWS + 3) for one in turn(n * 5000)]
    analysis = analysis_of(*scene)
    assert (len(analysis.rows), analysis.rows_omitted) == (MAX_ROWS, 3)
    assert analysis.rows[-1].at == BASE + (MAX_ROWS - 1) * 5000
