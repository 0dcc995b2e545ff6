"""A session that was summed up by hand."""

from __future__ import annotations

from typing import Any

from worker.testing.twilio_summaries import SummaryRow, agent_session_summaries


def row(at: int, name: str, number: int, **payload: Any) -> SummaryRow:
    return {
        "timestamp": f"2026-10-02T12:00:{at // 1000:02}.{at % 1000:03}Z",
        "name": name,
        "conversation_relay_data": {
            "session_id": "VX1",
            "sequence_number": number,
            **payload,
        },
    }


ROWS = [
    row(0, "configurations", 1),
    row(300, "start_of_agent_speech", 2),
    row(900, "start_of_customer_speech", 3),  # broke in on the greeting
    row(1000, "end_of_agent_speech", 4),
    row(2000, "stt_latency", 5, stt_latency={"latency_ms": 100}),
    row(2000, "end_of_customer_speech", 6),
    row(2000, "prompt_sent", 7),
    row(2600, "first_token_received", 8),
    row(2800, "tts_latency", 9, tts_latency={"latency_ms": 150}),
    row(2800, "start_of_agent_speech", 10),
    row(
        3000, "final_token_received", 11, last_token_received={"total_tokens": 9, "total_words": 6}
    ),
    row(4000, "end_of_agent_speech", 12),
    row(5000, "start_of_customer_speech", 13),
    row(5500, "stt_latency", 14, stt_latency={"latency_ms": 201}),
    row(5500, "stt_latency", 15, stt_latency={"latency_ms": -1}),
    row(5500, "prompt_sent", 16),
    row(6500, "first_token_received", 17),
    row(6500, "start_of_agent_speech", 18),  # while the customer speaks
    row(7000, "call_wrap_up", 19, call_wrap_up={"end_status": "hung_up"}),
]


def test_it_is_summed_up_as_by_hand() -> None:
    (found,) = agent_session_summaries(reversed(ROWS))
    assert found["session_id"] == "VX1"
    assert found["stt_latency_ms"] == {"min": 100.0, "max": 201.0, "avg": 150.5}
    assert found["tts_latency_ms"] == {"min": 150.0, "max": 150.0, "avg": 150.0}
    assert found["application_latency_ms"] == {"min": 600.0, "max": 1000.0, "avg": 800.0}
    assert (found["tokens"]["total"], found["words"]["total"]) == (9, 6)
    assert found["turns"] == 2
    assert found["interruptions"] == {"customer_to_agent": 1, "agent_to_customer": 1}
    assert found["session_state"] == "hung_up"


def test_without_samples_it_has_zeros_and_an_unknown_end() -> None:
    (found,) = agent_session_summaries([row(0, "configurations", 1)])
    nothing = {"min": 0.0, "max": 0.0, "avg": 0.0}
    assert found["stt_latency_ms"] == found["application_latency_ms"] == nothing
    assert (found["turns"], found["tokens"]["total"]) == (0, 0)
    assert found["session_state"] == "unknown"


def test_other_rows_of_a_call_make_no_session() -> None:
    other = {"timestamp": "2026-10-02T12:00:00Z", "name": "ringing"}
    assert agent_session_summaries([{**other, "conversation_relay_data": None}]) == []
