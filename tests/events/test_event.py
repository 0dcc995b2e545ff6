"""Event codes are for ever: they stand in stored events."""

from __future__ import annotations

from worker.events.event import EVENT_CODES, by_code

PUBLISHED = (
    *("call_wrap_up", "configurations", "digit", "dtmf", "end_of_agent_speech"),
    *("end_of_customer_speech", "error_event", "final_token_received", "first_token_received"),
    *("interrupt", "language_changed", "language_info", "play_media", "preempted", "prompt_sent"),
    *("start_of_agent_speech", "start_of_customer_speech", "stt_latency", "tts_latency"),
    *("call_held", "call_muted", "call_unheld", "call_unmuted", "handoff", "tool_call"),
    *("turn_latency", "vendor_switched"),
)
"""The names by their codes. A new name goes to the end; no line of this ever changes."""


def test_no_code_is_ever_given_to_another_name() -> None:
    assert {name: code for code, name in enumerate(PUBLISHED)} == EVENT_CODES


def test_every_name_has_a_code_of_its_own_and_no_code_is_left_out() -> None:
    assert sorted(EVENT_CODES.values()) == list(range(len(EVENT_CODES)))


def test_a_table_by_code_has_what_belongs_to_each_name() -> None:
    table = by_code({"tts_latency": "t", "call_wrap_up": "c"})
    assert {name: table[code] for name, code in EVENT_CODES.items()} == {
        **dict.fromkeys(EVENT_CODES),
        "tts_latency": "t",
        "call_wrap_up": "c",
    }
