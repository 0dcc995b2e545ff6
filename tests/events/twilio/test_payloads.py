"""Twilio's vocabulary: which fields of which payload are kept, and how much of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.scenes import BASE, cloud_event, envelope
from tests.testing.reading import read_user_record
from worker.events.event import Event, Payload
from worker.events.occurrence import Damaged

ARRIVAL = BASE + 60_000

# every payload at once, as the reference's example has it
ALL_IN_ONE: dict[str, Any] = {
    "session_id": "VX1",
    "sequence_number": 1,
    "tts_latency": {"latency_ms": 230},
    "stt_latency": {"latency_ms": 150},
    "interrupt": {"type": "DTMF"},
    "last_token_received": {"total_tokens": 128, "total_words": 42},
    "configurations": {
        "configurations": {
            "voice": "3liN8q8YoeB9Hk6AboKe-1.0_0.7_0.8",
            "ttsProvider": "block_elevenlabs",
            "debug": "[SPEAKER_EVENT_REPORT]",
            "interruptible": "TRUE",
        },
        "languages": {"es-US": {"voice": "94zO", "speech_model": "nova-2-general", "extra": 1}},
    },
    "language_changed": {"tts_language_code": "es-US", "transcription_language_code": "es-US"},
    "call_wrap_up": {"duration_in_seconds": 185, "end_status": "ended"},
    "error": {"error_code": 54000, "message": "An error."},
}


def read(data: bytes) -> Event:
    (one,) = read_user_record(data, ARRIVAL)
    assert isinstance(one, Event), one
    return one


def refused(data: bytes) -> str:
    (one,) = read_user_record(data, ARRIVAL)
    assert isinstance(one, Damaged), one
    return one.reason


def payload(name: str, value: Any, key: str | None = None) -> Payload | None:
    relay = {"session_id": "VX1", "name": name, "sequence_number": 1, key or name: value}
    return read(envelope(relay, 0)).payload


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("conversation-relay-event-example-all-in-one", None),
        ("tts_latency", {"latency_ms": 230}),
        ("stt_latency", {"latency_ms": 150}),
        ("interrupt", {"type": "DTMF"}),
        ("final_token_received", {"total_tokens": 128, "total_words": 42}),
        ("last_token_received", {"total_tokens": 128, "total_words": 42}),
        (
            "configurations",
            {
                "configurations": {
                    "interruptible": "TRUE",
                    "ttsProvider": "block_elevenlabs",
                    "voice": "3liN8q8YoeB9Hk6AboKe-1.0_0.7_0.8",
                },
                "languages": {"es-US": {"speech_model": "nova-2-general", "voice": "94zO"}},
            },
        ),
        (
            "language_changed",
            {"transcription_language_code": "es-US", "tts_language_code": "es-US"},
        ),
        ("call_wrap_up", {"duration_in_seconds": 185, "end_status": "ended"}),
        ("error_event", {"error_code": 54000, "message": "An error."}),
        ("error", {"error_code": 54000, "message": "An error."}),
        ("prompt_sent", None),
    ],
)
def test_of_all_payloads_at_once_only_the_names_own_is_kept(name: str, kept: object) -> None:
    assert read(envelope({**ALL_IN_ONE, "name": name}, 0)).payload == kept


@pytest.mark.parametrize(
    "name",
    ["stt_latency", "tts_latency", "interrupt", "configurations", "call_wrap_up", "error_event"],
)
@pytest.mark.parametrize("value", [None, 5, "text", [1], True])
def test_a_payload_that_is_no_object_is_none_and_the_event_counts(name: str, value: object) -> None:
    assert payload(name, value, {"error_event": "error"}.get(name)) is None


def test_what_is_no_scalar_within_a_payload_counts_as_absent() -> None:
    assert payload("stt_latency", {"latency_ms": [5]}) == {"latency_ms": None}
    assert payload("stt_latency", {"latency_ms": {"ms": 5}}) == {"latency_ms": None}


def test_texts_are_kept_up_to_200_characters() -> None:
    kept = payload("error_event", {"error_code": 1, "message": "m" * 5000}, "error")
    assert kept == {"error_code": 1, "message": "m" * 200}


@pytest.mark.parametrize(("number", "kept"), [(2**63, float("inf")), (-(2**64), float("-inf"))])
def test_a_number_beyond_64_bits_is_kept_as_none_that_could_be_taken_for_one(
    number: int, kept: float
) -> None:
    assert payload("stt_latency", {"latency_ms": number}) == {"latency_ms": kept}


def test_language_info_is_read_from_its_own_key_else_from_its_siblings() -> None:
    own = {"tts_language_code": "de-DE", "voice": "V", "mood": "good"}
    assert payload("language_info", own) == {"tts_language_code": "de-DE", "voice": "V"}
    assert payload("language_info", own, "language_changed") == payload("language_info", own)


def test_configurations_are_kept_by_an_allow_list_only() -> None:
    secret = {"configurations": {"url": "wss://x", "customParameters": "+15550100"}, "other": 1}
    assert payload("configurations", secret) == {"configurations": {}}


def test_at_most_50_languages_of_a_table_are_kept_in_the_order_of_their_codes() -> None:
    table = {f"l{n:03}": {"voice": str(n)} for n in range(99, -1, -1)} | {"x" * 129: {"voice": "v"}}
    kept = payload("configurations", {"languages": table})
    assert kept is not None
    assert list(kept["languages"]) == [f"l{n:03}" for n in range(50)]


@pytest.mark.parametrize("languages", [None, 5, ["en"], "en"])
def test_a_language_table_that_is_no_table_is_left_out(languages: object) -> None:
    assert payload("configurations", {"languages": languages}) == {}
    odd = payload("configurations", {"languages": {"en": languages}})
    assert odd == {"languages": {"en": {}}}


@pytest.mark.parametrize("field", ["account_sid", "call_sid"])
def test_the_other_ids_may_be_missing_but_not_absurd(field: str) -> None:
    relay = {"session_id": "VX1", "name": "dtmf", "sequence_number": 1}
    assert getattr(read(envelope(relay, 0, **{field: None})).key, field) == ""
    assert refused(envelope(relay, 0, **{field: 5})).startswith(field)
    assert refused(envelope(relay, 0, **{field: "x" * 257})).startswith(field)


def test_a_session_id_has_at_most_256_characters() -> None:
    assert read(cloud_event(0, "dtmf", session_id="v" * 256)).key.session_id == "v" * 256
    assert refused(cloud_event(0, "dtmf", session_id="v" * 257)).startswith("session_id")


@pytest.mark.parametrize("name", [None, "", 5, []])
def test_without_any_name_it_is_an_event_of_no_name(name: object) -> None:
    assert read(envelope({"session_id": "V", "sequence_number": 1, "name": name}, 0)).name == ""


def test_a_name_is_kept_up_to_128_characters() -> None:
    assert read(cloud_event(0, "n" * 500)).name == "n" * 128


def test_aliases_hold_for_the_outer_name_too() -> None:
    relay = {"session_id": "V", "sequence_number": 1, "error": {"error_code": 7}}
    one = read(envelope(relay, 0, name="error"))
    assert (one.name, one.payload) == ("error_event", {"error_code": 7})


def test_an_events_own_time_goes_before_the_envelopes() -> None:
    whole = json.loads(cloud_event(0, "dtmf"))
    whole["time"] = "2026-10-02T11:00:00Z"
    assert read(json.dumps(whole).encode()).timestamp == BASE


def test_a_time_that_cannot_be_read_gives_way_to_the_envelopes() -> None:
    whole = json.loads(cloud_event(0, "dtmf"))
    whole["time"] = "2026-10-02T12:00:00Z"
    whole["data"]["timestamp"] = "about noon"
    assert read(json.dumps(whole).encode()).timestamp == BASE


@pytest.mark.parametrize("group", ["conversation_relay", None, "call", 5])
def test_relay_data_that_is_no_object_is_refused_whatever_the_group(group: object) -> None:
    assert refused(envelope([1], 0, group=group)).startswith("conversation_relay_data")
