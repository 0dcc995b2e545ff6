"""The turn rules: each clause by a case of its own. Times in ms."""

from __future__ import annotations

from tests.scenes import play

CONFIGURED = (0, "configurations", {"configurations": {"ttsLanguage": "en-US"}})


def final(at: int, tokens: object = 10, words: object = 8) -> tuple[int, str, dict[str, object]]:
    return (at, "final_token_received", {"total_tokens": tokens, "total_words": words})


def test_two_prompts_owed_at_once_make_both_replies_ambiguous() -> None:
    result = play(
        (1000, "prompt_sent"),
        (1500, "prompt_sent"),
        (1600, "first_token_received"),
        (3800, "first_token_received"),
    )
    assert result.samples("ApplicationLatency") == []
    assert result.samples("AmbiguousReplies") == [1, 1]
    assert result.record["unanswered_prompts"] == 0


def test_an_interrupt_voids_the_prompts_from_before_it_and_the_next_turn_is_sure() -> None:
    result = play(
        (1000, "prompt_sent"),
        (1450, "interrupt", {"type": "SPEECH"}),
        (3000, "end_of_customer_speech"),
        (3000, "prompt_sent"),
        (3800, "first_token_received"),
        (3900, "start_of_agent_speech"),
    )
    assert result.samples("ApplicationLatency") == [800]
    assert result.samples("ResponseLatency") == [900]
    assert result.samples("UnansweredPrompts") == [1]


def test_a_cough_while_a_prompt_is_owed_makes_the_turn_ambiguous_and_is_no_waiting() -> None:
    result = play(
        (5000, "end_of_customer_speech"),
        (5000, "prompt_sent"),
        (8000, "start_of_customer_speech"),
        (8300, "end_of_customer_speech"),
        (8800, "first_token_received"),
        (9000, "start_of_agent_speech"),
    )
    assert result.samples("ApplicationLatency") == [3800]
    assert result.samples("CallerWait") == [3700]
    assert result.samples("AmbiguousTurns") == [1]
    assert result.samples("ResponseLatency") == []


def test_a_reply_that_begins_while_the_greeting_plays_answers_no_turn() -> None:
    result = play(
        CONFIGURED,
        (500, "start_of_agent_speech"),
        (1000, "start_of_customer_speech"),
        (1500, "end_of_customer_speech"),
        (1500, "prompt_sent"),
        (2000, "first_token_received"),
        (2500, "end_of_agent_speech"),
        (2700, "start_of_agent_speech"),
    )
    assert result.samples("TimeToFirstAudio") == [500]
    assert result.samples("ApplicationLatency") == [500]
    assert result.samples("ResponseLatency") == []
    assert result.samples("Turns") == []


def test_a_hello_before_the_greeting_waits_for_it_and_is_an_ambiguous_turn() -> None:
    result = play(
        CONFIGURED,
        (500, "start_of_customer_speech"),
        (900, "end_of_customer_speech"),
        (900, "prompt_sent"),
        (1500, "start_of_agent_speech"),
    )
    assert result.samples("TimeToFirstAudio") == [1500]
    assert result.samples("CallerWait") == [600]
    assert result.samples("AmbiguousTurns") == [1]
    assert result.samples("ResponseLatency") == []


def test_replies_that_overlap_have_no_stream_duration() -> None:
    result = play(
        (0, "first_token_received"),
        (10, "first_token_received"),
        final(500),
        final(600),
    )
    assert result.samples("TokenStreamDuration") == []
    assert result.record["unattributed_replies"] == 2
    assert result.record["tokens"]["total"] == 20


def test_a_caller_left_in_silence_is_one_abandoned_wait_and_one_unanswered_prompt() -> None:
    result = play(
        (1000, "end_of_customer_speech"),
        (1000, "prompt_sent"),
        (21_000, "call_wrap_up", {"duration_in_seconds": 21, "end_status": "hung_up"}),
    )
    assert result.samples("AbandonedWaits") == [1]
    assert result.samples("UnansweredPrompts") == [1]
    assert [row["outcome"] for row in result.record["turn_rows"]] == ["abandoned"]
    assert result.record["talk"]["longest_silence_ms"] == 20_000


def test_a_plain_turn_is_measured_from_end_to_end() -> None:
    result = play(
        CONFIGURED,
        (1000, "start_of_customer_speech"),
        (2000, "stt_latency", {"latency_ms": 120}),
        (2000, "end_of_customer_speech"),
        (2000, "prompt_sent"),
        (2600, "first_token_received"),
        (2800, "tts_latency", {"latency_ms": 150}),
        (2800, "start_of_agent_speech"),
        final(3600, tokens=40),
        (7800, "end_of_agent_speech"),
    )
    assert result.samples("ApplicationLatency") == [600]
    assert result.samples("ResponseLatency") == [800]
    assert result.samples("CallerWait") == [800]
    assert result.samples("TokenStreamDuration") == [1000]
    assert result.samples("TokensPerSecond") == [40_000]
    assert result.samples("ReplyDuration") == [5000]
    assert result.samples("TimeToReplyEnd") == [5800]
    assert result.samples("TimeToFirstAudio") == []
    (row,) = result.record["turn_rows"]
    assert (row["outcome"], row["stt_ms"], row["tts_ms"]) == ("answered", 120, 150)
    assert (row["reply_ms"], row["tokens"], row["language"]) == (5000, 40, "en-US")
    assert result.record["talk"]["agent_share"] == 83.33


def test_a_second_start_without_an_end_is_a_lost_end_and_the_earlier_start_is_void() -> None:
    result = play(
        (0, "start_of_customer_speech"),
        (400, "start_of_customer_speech"),
        (1000, "end_of_customer_speech"),
        (2000, "start_of_agent_speech"),
        (2500, "start_of_agent_speech"),
        (4000, "end_of_agent_speech"),
    )
    assert result.record["completeness"]["lost_ends"] == 2
    assert result.record["talk"]["customer_ms"] == 600
    assert result.samples("ReplyDuration") == [1500]


def test_an_end_without_a_start_adds_no_talk() -> None:
    result = play((100, "end_of_customer_speech"), (900, "end_of_agent_speech"))
    assert result.record["talk"]["customer_ms"] == 0
    assert result.samples("ReplyDuration") == []
    assert result.record["talk"]["agent_share"] is None


def test_who_breaks_in_on_whom_is_counted() -> None:
    result = play(
        (0, "start_of_agent_speech"),
        (500, "start_of_customer_speech"),
        (800, "end_of_agent_speech"),
        (900, "start_of_agent_speech"),
    )
    assert result.samples("InterruptionsByCustomer") == [1]
    assert result.samples("InterruptionsByAgent") == [1]


def test_a_barge_in_stops_the_agent_after_the_first_interrupt() -> None:
    result = play(
        (0, "start_of_agent_speech"),
        (500, "start_of_customer_speech"),
        (700, "interrupt", {"type": "SPEECH"}),
        (800, "interrupt", {"type": "DTMF"}),
        (950, "end_of_agent_speech"),
    )
    assert result.samples("BargeInStopTime") == [250]
    assert result.samples("Interruptions") == [1, 1]
    assert result.samples("Interruptions", Type="DTMF") == [1]


def test_an_interrupt_of_no_known_type_is_unknown_never_dtmf() -> None:
    result = play((0, "interrupt"), (10, "interrupt", {"type": "dtmf"}), (20, "interrupt", {}))
    assert result.record["interruptions"]["by_type"] == {"SPEECH": 0, "DTMF": 0, "UNKNOWN": 3}


def test_an_utterance_over_the_agent_voids_prompts_from_before_it_began() -> None:
    result = play(
        (0, "prompt_sent"),
        (100, "start_of_agent_speech"),
        (200, "start_of_customer_speech"),
        (300, "prompt_sent"),
        (400, "interrupt", {"type": "SPEECH"}),
        (500, "first_token_received"),
    )
    assert result.samples("UnansweredPrompts") == [1]
    assert result.samples("ApplicationLatency") == [200]


def test_prompts_left_when_the_customer_speaks_after_a_reply_are_settled() -> None:
    result = play(
        (0, "prompt_sent"),
        (100, "start_of_agent_speech"),
        (900, "end_of_agent_speech"),
        (2000, "start_of_customer_speech"),
        (3000, "end_of_customer_speech"),
        (3000, "prompt_sent"),
        (3500, "first_token_received"),
        (3600, "start_of_agent_speech"),
    )
    assert result.samples("UnansweredPrompts") == [1]
    assert result.samples("ResponseLatency") == [600]


def test_the_first_unanswered_prompt_begins_the_wait() -> None:
    result = play(
        (1000, "end_of_customer_speech"),
        (1000, "prompt_sent"),
        (3000, "start_of_customer_speech"),
        (4000, "end_of_customer_speech"),
        (4000, "prompt_sent"),
        (6000, "start_of_agent_speech"),
    )
    assert result.samples("CallerWait") == [4000]


def test_a_prompt_while_the_agent_speaks_begins_no_wait() -> None:
    result = play((0, "start_of_agent_speech"), (100, "prompt_sent"), (900, "end_of_agent_speech"))
    assert result.samples("AbandonedWaits") == []


def test_speech_of_the_customer_at_the_agents_start_is_no_waiting() -> None:
    result = play(
        (0, "prompt_sent"),
        (500, "start_of_customer_speech"),
        (1500, "start_of_agent_speech"),
    )
    assert result.samples("CallerWait") == [500]


def test_tokens_and_words_count_only_as_whole_numbers() -> None:
    result = play(
        final(0, tokens=True, words="3"),
        final(1, tokens=-1, words=4),
        final(2, tokens=5.0, words=None),
    )
    assert result.samples("Tokens") == []
    assert result.samples("Words") == [4]
    assert result.record["tokens"]["replies"] == 3


def test_a_reply_of_no_duration_has_no_rate() -> None:
    result = play((0, "first_token_received"), final(0))
    assert result.samples("TokenStreamDuration") == [0]
    assert result.samples("TokensPerSecond") == []


def test_a_rate_is_rounded_half_up_in_thousandths() -> None:
    result = play((0, "first_token_received"), final(16_000, tokens=1))
    assert result.samples("TokensPerSecond") == [63]  # 0.0625 a second


def test_latencies_outside_their_range_are_counted_and_are_no_samples() -> None:
    bad: list[object] = [-1, 600_001, True, "5", 1.5, None, 10**400]
    scene = [(n, "stt_latency", {"latency_ms": value}) for n, value in enumerate(bad)]
    result = play(*scene, (90, "tts_latency", {}), (91, "tts_latency"), (92, "stt_latency", 7))
    assert result.samples("SttLatency") == []
    assert result.record["invalid_latencies"] == len(bad) + 3
    good = play((0, "stt_latency", {"latency_ms": 0}), (1, "stt_latency", {"latency_ms": 600_000}))
    assert good.samples("SttLatency") == [0, 600_000]


def test_the_last_wrap_up_in_order_counts() -> None:
    result = play(
        (10, "call_wrap_up", {"duration_in_seconds": 1, "end_status": "failure"}),
        (20, "call_wrap_up", {"duration_in_seconds": 2, "end_status": "hung_up"}),
    )
    assert (result.record["duration_s"], result.record["end_status"]) == (2, "hung_up")
    assert result.samples("SessionsEnded", EndStatus="hung_up") == [1]


def test_end_statuses_are_known_other_or_none() -> None:
    strange = play((0, "call_wrap_up", {"end_status": "melted"}))
    assert strange.samples("SessionsEnded", EndStatus="other") == [1]
    assert strange.record["end_status"] == "melted"
    assert strange.samples("SessionDuration") == []
    none = play((0, "prompt_sent"))
    assert none.samples("SessionsEnded", EndStatus="none") == [1]
    assert (none.record["end_status"], none.record["close_reason"]) == (None, "end_of_input")


def test_silence_is_when_neither_speaks_and_one_still_speaking_breaks_it() -> None:
    result = play(
        (0, "prompt_sent"),
        (3000, "start_of_customer_speech"),
        (4000, "end_of_customer_speech"),
        (5000, "start_of_agent_speech"),
        (60_000, "dtmf"),
    )
    assert result.record["talk"]["longest_silence_ms"] == 3000
    assert result.record["talk"]["agent_ms"] == 0


def test_unknown_names_are_kept_and_never_fail() -> None:
    result = play((0, "brand_new"), (5, "brand_new"), (9, "other_thing", {"x": 1}))
    assert result.record["unknown_events"] == {"brand_new": 2, "other_thing": 1}


def test_occurrences_are_counted_each() -> None:
    names = ("preempted", "dtmf", "digit", "play_media", "language_changed")
    result = play(*((n, name) for n, name in enumerate(names)))
    for metric in ("Preemptions", "DtmfReceived", "DigitsSent", "MediaRequested"):
        assert result.samples(metric) == [1]
    assert result.samples("LanguageChanges") == [1]


def test_errors_are_counted_by_code_and_listed_in_the_record() -> None:
    result = play(
        (0, "error_event", {"error_code": 64107, "message": "m" * 500}),
        (5, "error", None),
    )
    assert result.samples("Errors", ErrorCode="64107") == [1]
    assert result.samples("Errors", ErrorCode="unknown") == [1]
    assert [len(error["message"]) for error in result.record["errors"]] == [200, 0]
