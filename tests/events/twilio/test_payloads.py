"""Twilio's payloads: which fields are kept, how much of them, and what they say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.building import payload_of
from tests.scenes import BASE, envelope
from tests.testing.reading import read_user_record
from worker.events.event import Event
from worker.events.payload import (
    Configured,
    Failed,
    Interrupted,
    LanguageChanged,
    LanguageSettings,
    Latency,
    Payload,
    Tokens,
    WrapUp,
    canonical_json,
)
from worker.events.twilio.payloads import FIELDS, provider, voice
from worker.metrics.dimension_values import UNKNOWN

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


def payload(name: str, value: Any, key: str | None = None) -> Payload | None:
    """The payload of an event of that name, which has the value under that key."""
    relay = {"session_id": "VX1", "name": name, "sequence_number": 1, key or name: value}
    return read(envelope(relay, 0)).payload


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("conversation-relay-event-example-all-in-one", None),
        ("tts_latency", Latency(230)),
        ("stt_latency", Latency(150)),
        ("interrupt", Interrupted("DTMF")),
        ("final_token_received", Tokens(128, 42)),
        ("last_token_received", Tokens(128, 42)),
        ("call_wrap_up", WrapUp(185, "ended", "ended")),
        ("error_event", Failed(54000, "An error.")),
        ("error", Failed(54000, "An error.")),
        ("prompt_sent", None),
    ],
)
def test_of_all_payloads_at_once_only_the_names_own_is_read(name: str, said: object) -> None:
    assert read(envelope({**ALL_IN_ONE, "name": name}, 0)).payload == said


def test_a_configuration_is_read_with_its_languages_and_the_settings_to_be_shown() -> None:
    found = payload("configurations", ALL_IN_ONE["configurations"])
    assert isinstance(found, Configured)
    assert replace(found, said=None) == Configured(
        settings=LanguageSettings("elevenlabs", "3liN8q8YoeB9Hk6AboKe"),
        languages={"es-US": LanguageSettings(voice="94zO", speech_model="nova-2-general")},
        shown={"interruptible": "TRUE"},
    )
    assert found.said == (
        '{"configurations":{"interruptible":"TRUE","ttsProvider":"block_elevenlabs",'
        '"voice":"3liN8q8YoeB9Hk6AboKe-1.0_0.7_0.8"},'
        '"languages":{"es-US":{"speech_model":"nova-2-general","voice":"94zO"}}}'
    )


@pytest.mark.parametrize(
    "name",
    ["stt_latency", "tts_latency", "interrupt", "configurations", "call_wrap_up", "error_event"],
)
@pytest.mark.parametrize("value", [None, 5, "text", [1], True])
def test_a_payload_that_is_no_object_is_none_and_the_event_counts(name: str, value: object) -> None:
    assert payload(name, value, {"error_event": "error"}.get(name)) is None


NAMES = {"latency_ms": "ms", "total_tokens": "tokens", "total_words": "words", "type": "kind"}
NAMES |= {"error_code": "code", "message": "message"}
NAMES |= {"duration_in_seconds": "seconds", "end_status": "status"}
scalars = st.none() | st.booleans() | st.integers(-5, 12) | st.floats(allow_nan=False)
values = scalars | st.sampled_from(["", "SPEECH", "DTMF", "ended", "17", "\u00e9"])


def kept(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(FIELDS[name]), values)


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {"configurations"}))
@given(st.data())
def test_of_two_payloads_that_differ_the_greater_is_that_whose_canonical_json_is(
    name: str, data: st.DataObject
) -> None:
    one, other = data.draw(kept(name)), data.draw(kept(name))
    texts = [canonical_json(payload_of(name, said)) for said in (one, other)]
    plainly = [json.dumps(said, sort_keys=True, separators=(",", ":")) for said in (one, other)]
    plainly = [text.replace("\\u00e9", "\u00e9") for text in plainly]
    assert (texts[0] > texts[1], texts[0] == texts[1]) == (
        plainly[0] > plainly[1],
        plainly[0] == plainly[1],
    )


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {"configurations", "language_changed"}))
@given(st.data())
def test_a_payload_says_all_that_was_kept_in_canonical_names(
    name: str, data: st.DataObject
) -> None:
    fields = data.draw(kept(name))
    said = json.loads(canonical_json(payload_of(name, fields)))
    assert said == {NAMES[field]: value for field, value in fields.items()}


def test_what_is_no_scalar_within_a_payload_counts_as_absent() -> None:
    assert payload("stt_latency", {"latency_ms": [5]}) == Latency(said='{"ms":null}')
    assert payload("stt_latency", {"latency_ms": {"ms": 5}}) == Latency(said='{"ms":null}')


def test_texts_are_kept_up_to_200_characters() -> None:
    found = payload("error_event", {"error_code": 1, "message": "m" * 5000}, "error")
    assert found == Failed(1, "m" * 200)


@pytest.mark.parametrize(("number", "said"), [(2**63, "Infinity"), (-(2**64), "-Infinity")])
def test_a_number_beyond_64_bits_is_kept_as_none_that_could_be_taken_for_one(
    number: int, said: str
) -> None:
    found = payload("stt_latency", {"latency_ms": number})
    assert found == Latency(said=f'{{"ms":{said}}}')


@pytest.mark.parametrize("value", [True, 1.0, "1", None])
def test_only_an_integer_is_a_number(value: object) -> None:
    found = payload_of("stt_latency", {"latency_ms": value})
    assert isinstance(found, Latency)
    assert replace(found, said=None) == Latency()


@pytest.mark.parametrize(
    ("reported", "kind"),
    [
        ("SPEECH", "SPEECH"),
        ("DTMF", "DTMF"),
        ("speech", "UNKNOWN"),
        ("", "UNKNOWN"),
        (None, "UNKNOWN"),
        (5, "UNKNOWN"),
    ],
)
def test_an_interrupts_type_is_one_of_two_or_unknown(reported: object, kind: str) -> None:
    found = payload("interrupt", {"type": reported})
    assert isinstance(found, Interrupted)
    assert found.kind == kind


@pytest.mark.parametrize(
    ("status", "shown", "ending"),
    [
        ("ended", "ended", "ended"),
        ("hung_up", "hung_up", "hung_up"),
        ("failure", "failure", "failure"),
        ("unknown", "unknown", "unknown"),
        ("new_one", "new_one", "other"),
        (None, None, "unknown"),
        (5, None, "other"),
    ],
)
def test_a_status_is_kept_and_said_in_common_terms(
    status: object, shown: str | None, ending: str
) -> None:
    found = payload("call_wrap_up", {"end_status": status})
    assert isinstance(found, WrapUp)
    assert (found.status, found.ending) == (shown, ending)


def test_language_info_is_read_from_its_own_key_else_from_its_siblings() -> None:
    own = {"tts_language_code": "de-DE", "voice": "V", "mood": "good"}
    found = payload("language_info", own)
    assert found == LanguageChanged(
        "de-DE",
        None,
        LanguageSettings(voice="V"),
        '{"tts_language_code":"de-DE","voice":"V"}',
    )
    assert payload("language_info", own, "language_changed") == found


def test_configurations_are_kept_by_an_allow_list_only() -> None:
    secret = {"configurations": {"url": "wss://x", "customParameters": "+15550100"}, "other": 1}
    assert payload("configurations", secret) == Configured(said='{"configurations":{}}')


def test_at_most_50_languages_of_a_table_are_kept_in_the_order_of_their_codes() -> None:
    table = {f"l{n:03}": {"voice": str(n)} for n in range(99, -1, -1)} | {"x" * 129: {"voice": "v"}}
    found = payload("configurations", {"languages": table})
    assert isinstance(found, Configured)
    assert list(found.languages) == [f"l{n:03}" for n in range(50)]
    assert found.omitted_languages == 51


@pytest.mark.parametrize("languages", [None, 5, ["en"], "en"])
def test_a_language_table_that_is_no_table_is_left_out(languages: object) -> None:
    assert payload("configurations", {"languages": languages}) == Configured(said="{}")
    odd = payload("configurations", {"languages": {"en": languages}})
    assert odd == Configured(languages={"en": LanguageSettings()}, said='{"languages":{"en":{}}}')


def test_settings_are_shown_as_text_in_the_records_order() -> None:
    own = {"speechTimeout": 5, "dtmfDetection": True, "interruptible": "any", "preemptible": None}
    found = payload("configurations", {"configurations": own})
    assert isinstance(found, Configured)
    assert list(found.shown.items()) == [
        ("interruptible", "any"),
        ("dtmfDetection", "true"),
        ("speechTimeout", "5"),
    ]


@pytest.mark.parametrize(
    ("reported", "kept"),
    [
        ("Vicki-Generative", "Vicki-Generative"),
        ("Qm4-0.9_0.75_0.8", "Qm4"),
        ("a-1.0_0.7_0.8-b", "a-1.0_0.7_0.8-b"),
        ("", UNKNOWN),
    ],
)
def test_a_voice_loses_its_tuning_and_nothing_else(reported: str, kept: str) -> None:
    assert voice(reported) == kept


@pytest.mark.parametrize("text", ["caf\u00e9\n", " x ", "\u202egnp", "x" * 200])
def test_a_text_is_kept_as_it_is(text: str) -> None:
    assert (provider(text), voice(text)) == (text.lower(), text)
    found = payload("configurations", {"configurations": {"voice": text}})
    assert isinstance(found, Configured)
    assert found.settings.voice == text


def test_nothing_but_a_prefix_is_no_provider() -> None:
    assert provider("block_") == UNKNOWN


@given(st.text("xy", min_size=201, max_size=210), st.text("xy", min_size=201, max_size=210))
def test_two_texts_that_are_too_long_stay_two(one: str, other: str) -> None:
    kept = [payload_of("error_event", {"error_code": text}) for text in (one, other)]
    assert (kept[0] == kept[1]) is (one == other)
    for failed in kept:
        assert isinstance(failed, Failed)
        assert isinstance(failed.code, str)
        assert len(failed.code) == 200


@pytest.mark.parametrize(
    ("reported", "code"), [("64107", 64107), ("0", 0), ("064107", "064107"), ("\u0667", "\u0667")]
)
def test_a_code_is_a_number_only_if_it_is_written_as_one(reported: str, code: object) -> None:
    found = payload_of("error_event", {"error_code": reported})
    assert isinstance(found, Failed)
    assert found.code == code


@pytest.mark.parametrize("reported", [20.0, 20.5, "20", True, 1 << 70, -1])
def test_tokens_that_are_no_count_are_not_taken_for_none(reported: object) -> None:
    found = payload_of("final_token_received", {"total_tokens": reported})
    assert isinstance(found, Tokens)
    assert (found.tokens, found.words) == (-1, None)
