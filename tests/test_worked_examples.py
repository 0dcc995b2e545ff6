"""The examples that the definition of a turn must come out to, times in ms from the start."""

from __future__ import annotations

import json
from typing import Any

from worker.partition.commit_outputs import Outputs
from worker.partition.rules import Rules
from worker.replay import Replay
from worker.stream.record import Record

START = 1_790_942_400_000
GATEWAY = "com.twilio.voice.insights.call-event.gateway"

CONFIGURED = "configurations"
CUSTOMER, CUSTOMER_ENDS = "start_of_customer_speech", "end_of_customer_speech"
AGENT, AGENT_ENDS = "start_of_agent_speech", "end_of_agent_speech"
PROMPT, FIRST, FINAL = "prompt_sent", "first_token_received", "final_token_received"


def record_of(*scene: tuple[int, str]) -> dict[str, Any]:
    """The record of one session, by an offline replay of its events, the last ones first."""
    records: list[dict[str, Any]] = []

    def take(outputs: Outputs) -> None:
        records.extend(json.loads(one.line) for one in outputs.records)

    replay = Replay(Rules(), take)
    for number, (at, name) in reversed(list(enumerate(scene, 1))):
        replay.feed(
            Record("shard-0", str(number), START + 60_000, cloud_event(number, at, name), "")
        )
    replay.finish()
    (record,) = records
    return record


def cloud_event(number: int, at: int, name: str) -> bytes:
    relay = {"session_id": "VX1", "sequence_number": number, "name": name}
    time = f"2026-10-02T12:00:{at // 1000:02d}.{at % 1000:03d}Z"
    data = {"timestamp": time, "account_sid": "AC1", "call_sid": "CA1"}
    return json.dumps(
        {"type": GATEWAY, "data": {**data, "conversation_relay_data": relay}}
    ).encode()


def only(distribution: dict[str, Any] | None) -> int:
    """The one sample of a distribution."""
    assert distribution is not None
    assert distribution["count"] == 1
    value = distribution["max"]
    assert isinstance(value, int)
    return value


def test_replies_to_two_prompts_owed_at_once_are_both_ambiguous() -> None:
    record = record_of((1000, PROMPT), (1500, PROMPT), (1600, FIRST), (3800, FIRST))
    assert record["latency_ms"]["application"] is None
    assert record["ambiguous_replies"] == 2
    assert record["unattributed_replies"] == 0


def test_an_interrupt_voids_what_was_owed_so_that_the_next_turn_is_beyond_doubt() -> None:
    record = record_of(
        (1000, PROMPT),
        (1450, "interrupt"),
        (3000, CUSTOMER_ENDS),
        (3000, PROMPT),
        (3800, FIRST),
        (3900, AGENT),
    )
    assert only(record["latency_ms"]["application"]) == 800
    assert only(record["latency_ms"]["response"]) == 900
    assert record["unanswered_prompts"] == 1
    assert (record["turns"], record["ambiguous_turns"]) == (1, 0)


def test_a_cough_before_the_reply_makes_the_turn_ambiguous_and_is_no_waiting() -> None:
    record = record_of(
        (5000, CUSTOMER_ENDS),
        (5000, PROMPT),
        (8000, CUSTOMER),
        (8300, CUSTOMER_ENDS),
        (8800, FIRST),
        (9000, AGENT),
    )
    assert only(record["latency_ms"]["application"]) == 3800
    assert only(record["latency_ms"]["caller_wait"]) == 3700
    assert (record["turns"], record["ambiguous_turns"]) == (1, 1)
    assert record["latency_ms"]["response"] is None


def test_a_reply_that_begins_while_the_greeting_plays_gives_no_response_latency() -> None:
    record = record_of(
        (0, CONFIGURED),
        (400, AGENT),
        (1000, CUSTOMER),
        (1600, CUSTOMER_ENDS),
        (1600, PROMPT),
        (2200, FIRST),
        (3000, AGENT_ENDS),
        (3100, AGENT),
    )
    assert record["latency_ms"]["time_to_first_audio"] == 400
    assert record["latency_ms"]["response"] is None


def test_a_hello_before_the_greeting_waits_for_it_and_is_an_ambiguous_turn() -> None:
    record = record_of(
        (0, CONFIGURED), (300, CUSTOMER), (700, CUSTOMER_ENDS), (700, PROMPT), (1200, AGENT)
    )
    assert record["latency_ms"]["time_to_first_audio"] == 1200
    assert only(record["latency_ms"]["caller_wait"]) == 500
    assert (record["turns"], record["ambiguous_turns"]) == (1, 1)
    assert record["latency_ms"]["response"] is None


def test_replies_in_progress_at_once_have_no_token_stream_duration() -> None:
    record = record_of((100, FIRST), (200, FIRST), (900, FINAL), (1000, FINAL))
    assert record["latency_ms"]["token_stream"] is None
    assert record["tokens"]["replies"] == 2


def test_a_caller_left_in_silence_is_one_abandoned_wait_and_one_unanswered_prompt() -> None:
    record = record_of((1000, PROMPT), (21_000, "call_wrap_up"))
    assert record["abandoned_waits"] == 1
    assert record["unanswered_prompts"] == 1
    assert record["close_reason"] == "wrap_up"


def test_a_filler_and_a_later_answer_are_read_as_two_answered_turns() -> None:
    """The answers come 2,600 and 3,100 ms after the customer's ends; the events don't tell."""
    record = record_of(
        (1000, CUSTOMER_ENDS),
        (1000, PROMPT),
        (1300, FIRST),  # the filler
        (1400, AGENT),
        (2000, AGENT_ENDS),
        (2200, CUSTOMER_ENDS),
        (2200, PROMPT),
        (3500, FIRST),  # the answer to the first prompt
        (3600, AGENT),
        (5000, AGENT_ENDS),
        (5200, FIRST),  # the answer to the second one
        (5300, AGENT),
    )
    response = record["latency_ms"]["response"]
    assert (response["count"], response["min"], response["max"]) == (2, 400, 1400)
    assert (record["turns"], record["ambiguous_turns"], record["doubtful_turns"]) == (2, 0, 0)
    assert record["unattributed_replies"] == 1
