"""The context at a sample is a function of the configuration events up to it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenes import play
from worker.metrics.dimension_values import UNKNOWN

FULL: dict[str, Any] = {
    "configurations": {
        "voice": "3liN8q8YoeB9Hk6AboKe-1.0_0.7_0.8",
        "ttsProvider": "block_elevenlabs",
        "transcriptionProvider": "Deepgram",
        "speechProvider": "nova-3-general",
        "ttsLanguage": "en-US",
        "transcriptionLanguage": "en-GB",
        "interruptible": "TRUE",
        "debug": "[SPEAKER_EVENT_REPORT]",
    },
    "languages": {
        "es-US": {
            "tts_provider": "block_google",
            "voice": "Aoede",
            "transcription_provider": "google",
            "speech_model": "telephony",
        }
    },
}
STT = {"latency_ms": 100}
SPANISH = {"tts_language_code": "es-US", "transcription_language_code": "es-US"}


def test_configurations_set_the_context_normalised() -> None:
    result = play((0, "configurations", FULL), (10, "stt_latency", STT))
    assert result.record["context"] == {
        "tts_language": "en-US",
        "transcription_language": "en-GB",
        "tts_provider": "elevenlabs",
        "voice": "3liN8q8YoeB9Hk6AboKe",
        "transcription_provider": "deepgram",
        "speech_model": "nova-3-general",
    }
    by = {"TranscriptionProvider": "deepgram", "SpeechModel": "nova-3-general"}
    assert result.samples("SttLatency", **by) == [100]


def test_before_any_configuration_all_is_unknown() -> None:
    result = play((0, "stt_latency", STT), (10, "configurations", FULL))
    by = {"TranscriptionProvider": "unknown", "SpeechModel": "unknown"}
    assert result.samples("SttLatency", **by) == [100]


@pytest.mark.parametrize("name", ["language_changed", "language_info"])
def test_a_change_of_language_takes_the_tables_entry(name: str) -> None:
    result = play((0, "configurations", FULL), (10, name, SPANISH), (20, "stt_latency", STT))
    by = {"TranscriptionProvider": "google", "SpeechModel": "telephony"}
    assert result.samples("SttLatency", **by) == [100]
    assert result.record["context"]["voice"] == "Aoede"


def test_the_events_own_fields_go_before_the_table() -> None:
    own = {**SPANISH, "voice": "Mine", "tts_provider": "block_Amazon"}
    context = play((0, "configurations", FULL), (10, "language_changed", own)).record["context"]
    assert (context["voice"], context["tts_provider"]) == ("Mine", "amazon")
    assert context["speech_model"] == "telephony"


def test_a_language_that_no_table_knows_keeps_nothing_of_the_old_one() -> None:
    change = {"tts_language_code": "fr-FR"}
    context = play((0, "configurations", FULL), (10, "language_changed", change)).record["context"]
    assert (context["tts_language"], context["voice"]) == ("fr-FR", UNKNOWN)
    assert context["transcription_provider"] == "deepgram"


def test_the_language_heard_stands_in_for_the_language_spoken() -> None:
    only_heard = {"configurations": {"transcriptionLanguage": "de-DE"}}
    scene = ((0, "configurations", only_heard), (1, "prompt_sent"), (9, "first_token_received"))
    assert play(*scene).samples("ApplicationLatency", Language="de-DE") == [8]


def test_only_allowed_settings_leave_in_the_record() -> None:
    assert play((0, "configurations", FULL)).record["configuration"] == {"interruptible": "TRUE"}


def context_after(*scene: tuple[Any, ...]) -> dict[str, str]:
    found: dict[str, str] = play(*scene).record["context"]
    return found


def test_what_configurations_leave_out_comes_from_the_entry_of_its_language() -> None:
    spanish = {"configurations": {"ttsLanguage": "es-US", "transcriptionLanguage": "es-US"}}
    context = context_after((0, "configurations", {**FULL, **spanish}))
    assert (context["voice"], context["tts_provider"]) == ("Aoede", "google")
    assert (context["transcription_provider"], context["speech_model"]) == ("google", "telephony")


def test_a_later_configuration_starts_over() -> None:
    context = context_after((0, "configurations", FULL), (10, "configurations", {}))
    assert set(context.values()) == {UNKNOWN}


def test_each_side_changes_its_language_by_itself() -> None:
    heard = context_after(
        (0, "configurations", FULL),
        (10, "language_changed", {"transcription_language_code": "es-US"}),
    )
    assert (heard["transcription_language"], heard["speech_model"]) == ("es-US", "telephony")
    assert (heard["tts_language"], heard["voice"]) == ("en-US", "3liN8q8YoeB9Hk6AboKe")


def test_a_change_to_the_language_in_force_keeps_what_was_in_force() -> None:
    same = {"tts_language_code": "en-US", "transcription_language_code": "en-GB"}
    before = context_after((0, "configurations", FULL))
    assert context_after((0, "configurations", FULL), (10, "language_changed", same)) == before
    assert context_after((0, "configurations", FULL), (10, "language_changed", {})) == before


def test_a_language_comes_back_with_its_entry_of_the_table() -> None:
    table = {"en-US": {"voice": "Ann"}, "es-US": {"voice": "Eva"}}
    english = {"configurations": {"ttsLanguage": "en-US", "voice": "Ann"}, "languages": table}
    there_and_back = [
        (10, "language_changed", {"tts_language_code": "es-US"}),
        (20, "language_changed", {"tts_language_code": "en-US"}),
    ]
    assert context_after((0, "configurations", english), *there_and_back)["voice"] == "Ann"


def test_language_events_before_any_configuration_are_taken_at_their_word() -> None:
    context = context_after((0, "language_info", {**SPANISH, "voice": "Eva-1.0_0.5_0.5"}))
    assert (context["tts_language"], context["voice"]) == ("es-US", "Eva")


@pytest.mark.parametrize("odd", [5, True, None, ""])
def test_what_is_no_text_is_unknown(odd: object) -> None:
    context = context_after((0, "configurations", {"configurations": {"voice": odd}}))
    assert context["voice"] == UNKNOWN
