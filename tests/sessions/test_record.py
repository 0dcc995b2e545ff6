"""The session record: the contract's names, exact numbers, equal bytes for equal sessions."""

from __future__ import annotations

import json
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.building import LOST, closed, held_of
from worker.sessions.record import decode_record, encode_record, encode_within, to_record

# the contract's names, by hand
NAMES = (
    "schema_version platform account_sid call_sid session_id revision started_at ended_at "
    "duration_s end_status close_reason context configuration latency_ms turns "
    "ambiguous_turns prompts unanswered_prompts ambiguous_replies unattributed_replies "
    "agent_utterances abandoned_waits interruptions preemptions dtmf digits media "
    "language_changes invalid_latencies tokens talk errors unknown_events turn_rows "
    "doubtful_waits doubtful_turns doubtful_prompts completeness timeline"
)
PARTS = {
    "context": "tts_language transcription_language tts_provider voice transcription_provider "
    "speech_model",
    "latency_ms": "stt tts application response caller_wait time_to_reply_end reply_duration "
    "token_stream barge_in_stop time_to_first_audio",
    "interruptions": "total by_type by_customer by_agent",
    "tokens": "total words replies per_second",
    "talk": "customer_ms agent_ms agent_share longest_silence_ms",
    "completeness": "events conflicts order_conflicts lost_ends first_sequence "
    "last_sequence missing sparse cut",
}
ROW = (
    "n at outcome caller_wait_ms response_ms application_ms stt_ms tts_ms reply_ms tokens language"
)
TURN = (
    (0, "stt_latency", {"latency_ms": 100}),
    (0, "end_of_customer_speech"),
    (0, "prompt_sent"),
    (300, "first_token_received"),
    (500, "start_of_agent_speech"),
    (900, "final_token_received", {"total_tokens": 4, "total_words": 3}),
    (2500, "end_of_agent_speech"),
)


def line(*scene: tuple[Any, ...]) -> bytes:
    resident = closed(held_of(*scene))
    return encode_record(to_record(resident.state, resident.analysis(contiguous=True)))


def record(*scene: tuple[Any, ...]) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(line(*scene))
    return whole


def test_the_names_are_the_contracts() -> None:
    whole = record(*TURN)
    assert set(NAMES.split()) <= set(whole)
    for part, names in PARTS.items():
        assert set(whole[part]) == set(names.split())
    (row,) = whole["turn_rows"]
    assert set(row) == set(ROW.split())


def test_it_is_one_line_that_the_published_schema_reads_back() -> None:
    data = line(*TURN, (2600, "error_event", {"error_code": 1, "message": "two\nlines"}))
    assert b"\n" not in data
    assert encode_record(decode_record(data)) == data


def test_a_reader_passes_over_fields_that_a_later_release_has_added() -> None:
    whole = record(*TURN)
    whole["mood"] = whole["talk"]["mood"] = 7
    whole["turn_rows"][0]["link"] = {"turn": "T1"}
    assert encode_record(decode_record(json.dumps(whole).encode())) == line(*TURN)


def test_only_a_session_that_goes_on_after_it_was_forgotten_says_so() -> None:
    resident = closed(held_of(*TURN))
    assert "continued" not in record(*TURN)
    resident.state.continued = 3
    assert (
        json.loads(encode_record(to_record(resident.state, resident.analysis(contiguous=True))))[
            "continued"
        ]
        is True
    )


def test_without_a_sample_a_distribution_is_null() -> None:
    whole = record((0, "dtmf"))
    assert set(whole["latency_ms"].values()) == {None}
    assert whole["tokens"]["per_second"] is None
    assert whole["talk"]["agent_share"] is None


@given(st.lists(st.integers(0, 600_000), min_size=1, max_size=40))
def test_percentiles_are_exact_by_nearest_rank_and_the_average_to_3_decimals(
    latencies: list[int],
) -> None:
    found = record(*((n, "stt_latency", {"latency_ms": v}) for n, v in enumerate(latencies)))
    ordered, count = sorted(latencies), len(latencies)
    stt = found["latency_ms"]["stt"]
    for percent in (50, 90, 95, 99):
        assert stt[f"p{percent}"] == ordered[ceil(percent * count / 100) - 1]
    assert (stt["count"], stt["min"], stt["max"]) == (count, ordered[0], ordered[-1])
    assert abs(stt["avg"] - sum(latencies) / count) <= 0.0005001


def test_started_and_ended_are_the_first_and_the_last_event_not_the_first_to_arrive() -> None:
    whole = record((900, "dtmf"), (0, "dtmf"), (61_500, "dtmf"), (500, "dtmf"))
    assert whole["started_at"] == "2026-10-02T12:00:00.000Z"
    assert whole["ended_at"] == "2026-10-02T12:01:01.500Z"


def test_shares_of_talk_are_percent_to_two_decimals_half_up() -> None:
    scene = (
        (0, "start_of_customer_speech"),
        (2, "end_of_customer_speech"),
        (10, "start_of_agent_speech"),
        (11, "end_of_agent_speech"),
    )
    assert record(*scene)["talk"]["agent_share"] == 33.33


def test_the_rate_is_in_tokens_a_second() -> None:
    per_second = record((0, "first_token_received"), (16_000, *TURN[5][1:]))["tokens"]["per_second"]
    assert (per_second["count"], per_second["p50"], per_second["avg"]) == (1, 0.25, 0.25)


@pytest.mark.parametrize(
    ("payload", "duration", "status"),
    [
        ({"duration_in_seconds": 7, "end_status": "ended"}, 7, "ended"),
        ({"duration_in_seconds": "7", "end_status": 5}, None, None),
        ({"duration_in_seconds": -7, "end_status": "failure"}, None, "failure"),
        (None, None, None),
    ],
)
def test_duration_and_end_come_from_the_wrap_up_as_far_as_it_makes_sense(
    payload: Any, duration: int | None, status: str | None
) -> None:
    whole = record((0, "call_wrap_up", payload))
    assert (whole["duration_s"], whole["end_status"]) == (duration, status)


def test_settings_come_from_an_allow_list_as_text() -> None:
    settings = {
        "interruptible": True,
        "speechTimeout": 5,
        "preemptible": "FALSE",
        "voice": "V",
        "partialPrompts": None,
        "turnDetection": "smart",
        "eagerEotThreshold": 0.5,
        "notOnTheList": "x",
    }
    assert record((0, "configurations", {"configurations": settings}))["configuration"] == {
        "interruptible": "true",
        "preemptible": "FALSE",
        "speechTimeout": "5",
        "turnDetection": "smart",
        "eagerEotThreshold": "0.5",
    }


def test_all_three_types_of_interruptions_are_always_listed() -> None:
    types = record((0, "dtmf"))["interruptions"]["by_type"]
    assert types == {"SPEECH": 0, "DTMF": 0, "UNKNOWN": 0}


def test_completeness_says_how_much_was_seen() -> None:
    assert record((0, "dtmf"), (5, "start_of_agent_speech"), (9, "start_of_agent_speech"))[
        "completeness"
    ] == {
        "events": 3,
        "conflicts": 0,
        "order_conflicts": 0,
        "lost_ends": 1,
        "first_sequence": 1,
        "last_sequence": 3,
        "missing": 0,
        "sparse": False,
        "cut": 0,
    }


def gaps(lost: int, seen: int) -> dict[str, Any]:
    """The completeness of a session whose first event is there, and so many after those lost."""
    scene = [(0, "dtmf"), *[LOST] * lost, *[(9, "dtmf")] * seen]
    found: dict[str, Any] = record(*scene)["completeness"]
    return found


@pytest.mark.parametrize(
    ("lost", "seen", "sparse"),
    [(5, 14, False), (6, 13, True), (5, 13, False), (18, 1, True), (17, 1, False), (25, 74, False)],
)
def test_a_session_is_sparse_with_more_than_a_quarter_of_twenty_or_more_missing(
    lost: int, seen: int, sparse: bool
) -> None:
    assert (gaps(lost, seen)["missing"], gaps(lost, seen)["sparse"]) == (lost, sparse)


def test_equal_sessions_have_equal_bytes_whatever_arrived_first() -> None:
    scene = [*TURN, (3000, "odd_b"), (3100, "odd_a"), (4000, "call_wrap_up")]
    numbered = [(at, name, *rest) for at, name, *rest in scene]
    assert line(*numbered) == line(*numbered)
    assert record(*numbered)["unknown_events"] == {"odd_a": 1, "odd_b": 1}
    assert list(record(*numbered)["unknown_events"]) == ["odd_a", "odd_b"]


def many_turns(count: int) -> bytes:
    return line(*((n * 5000 + at, name, *rest) for n in range(count) for at, name, *rest in TURN))


@given(st.integers(0, 60), st.integers(500, 12_000))
def test_a_line_that_is_too_long_loses_its_timeline_then_rows_and_says_how_many(
    count: int, most: int
) -> None:
    data = many_turns(count) if count else line((0, "dtmf"))
    short = encode_within(data, most)
    whole, less = json.loads(data), json.loads(short)
    kept = less["turn_rows"]
    assert kept == whole["turn_rows"][: len(kept)]
    assert less["turn_rows_omitted"] == len(whole["turn_rows"]) - len(kept)
    assert len(short) <= most or not kept
    assert ("timeline" in less) == (len(data) <= most)
    whole.pop("timeline")
    less.pop("timeline", None)
    assert {**less, "turn_rows": 0, "turn_rows_omitted": 0} == {
        **whole,
        "turn_rows": 0,
        "turn_rows_omitted": 0,
    }
    if len(data) <= most:
        assert short == data
