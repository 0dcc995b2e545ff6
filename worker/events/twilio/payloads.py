"""Twilio's payloads: the fields that are kept, and their translation to canonical payloads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from worker.events.bounds import INT64, NAME_LENGTH, TEXT_LENGTH
from worker.events.payload import (
    Configured,
    EndStatus,
    Failed,
    Interrupted,
    InterruptionKind,
    LanguageChanged,
    LanguageSettings,
    Latency,
    Payload,
    Tokens,
    WrapUp,
    canonical,
)
from worker.metrics.dimension_values import UNKNOWN, with_digest

_LANGUAGES: Final = 50

SHOWN_SETTINGS: Final = (
    "interruptible",
    "preemptible",
    "welcomeGreetingInterruptible",
    "partialPrompts",
    "partialPromptOnHangup",
    "dtmfDetection",
    "reportInputDuringAgentSpeech",
    "speechTimeout",
    "interruptOptions",
    "turnDetection",
    "echoPromptFiltering",
    "applicationReconnect",
    "ignoreBackchannel",
    "interruptSensitivity",
    "eagerEotThreshold",
    "backgroundNoiseReduction",
)
"""The settings of a session that its record shows; no other setting leaves the worker."""

_CONTEXT_SETTINGS: Final = (
    *("speechProvider", "transcriptionLanguage", "transcriptionProvider"),
    *("ttsLanguage", "ttsProvider", "voice"),
)
_LANGUAGE_SETTINGS: Final = ("speech_model", "transcription_provider", "tts_provider", "voice")
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "stt_latency": ("latency_ms",),
    "tts_latency": ("latency_ms",),
    "final_token_received": ("total_tokens", "total_words"),
    "interrupt": ("type",),
    "configurations": (*_CONTEXT_SETTINGS, *SHOWN_SETTINGS),
    "language_changed": (*_LANGUAGE_SETTINGS, "transcription_language_code", "tts_language_code"),
    "call_wrap_up": ("duration_in_seconds", "end_status"),
    "error_event": ("error_code", "message"),
}
"""The fields kept of each event's payload; all others are ignored."""

_ENDINGS: Final[dict[object, EndStatus]] = {
    None: "unknown",
    "unknown": "unknown",
    "ended": "ended",
    "hung_up": "hung_up",
    "failure": "failure",
}
_CODE: Final = re.compile(r"0|[1-9][0-9]{0,14}")
_TUNING: Final = re.compile(r"-\d+\.\d+_\d+\.\d+_\d+\.\d+\Z", re.ASCII)

KeptFields = dict[str, Any]
"""Known fields of a payload, with their original values (scalars)."""


def _fields(value: object, names: tuple[str, ...]) -> KeptFields | None:
    if not isinstance(value, dict):
        return None
    return {name: _scalar(name, value[name]) for name in names if name in value}


def _scalar(name: str, value: object) -> object:
    """Return a scalar unchanged, within limits; anything else counts as absent.

    A message that is too long is truncated; any other such text then ends with a digest of the
    whole.
    """
    if isinstance(value, str):
        kept = value[:TEXT_LENGTH]
        whole = kept == value or name == "message"
        return kept if whole else with_digest(value, value, TEXT_LENGTH)
    if type(value) is int and not -INT64 <= value < INT64:
        return float("inf") if value > 0 else float("-inf")
    return value if isinstance(value, int | float) else None


def _integer(value: object) -> int | None:
    return value if type(value) is int else None


def _count(value: object) -> int | None:
    """Return a reported count; None if there is none, and -1 if it isn't an integer."""
    return value if value is None or type(value) is int else _NO_COUNT


_NO_COUNT: Final = -1


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _latency(kept: KeptFields) -> Payload:
    return _said(Latency(_integer(kept.get("latency_ms"))), kept, _LATENCY_NAMES)


def _tokens(kept: KeptFields) -> Payload:
    tokens, words = _count(kept.get("total_tokens")), _count(kept.get("total_words"))
    return _said(Tokens(tokens, words), kept, _TOKENS_NAMES)


def interruption_kind(reported: object) -> InterruptionKind:
    """Return the meaning of Twilio's ``type`` of an interruption."""
    return reported if reported == "SPEECH" or reported == "DTMF" else "UNKNOWN"


def _interrupted(kept: KeptFields) -> Payload:
    return _said(Interrupted(interruption_kind(kept.get("type"))), kept, _INTERRUPT_NAMES)


def _failed(kept: KeptFields) -> Payload:
    code = kept.get("error_code")
    if isinstance(code, str):
        code = int(code) if _CODE.fullmatch(code) else code
    if not isinstance(code, str):
        code = _integer(code)
    return _said(Failed(code, _text(kept.get("message"))), kept, _ERROR_NAMES)


def _wrap_up(kept: KeptFields) -> Payload:
    status = kept.get("end_status")
    payload = WrapUp(
        _integer(kept.get("duration_in_seconds")), _text(status), _ENDINGS.get(status, "other")
    )
    return _said(payload, kept, _WRAP_UP_NAMES)


# for each payload, Twilio's names and the canonical ones. Both sort alike, so two payloads compare
# alike by canonical JSON under either
_LATENCY_NAMES: Final = {"latency_ms": "ms"}
_TOKENS_NAMES: Final = {"total_tokens": "tokens", "total_words": "words"}
_INTERRUPT_NAMES: Final = {"type": "kind"}
_ERROR_NAMES: Final = {"error_code": "code", "message": "message"}
_WRAP_UP_NAMES: Final = {"duration_in_seconds": "seconds", "end_status": "status"}


def _said(payload: Payload, kept: KeptFields, names: dict[str, str]) -> Payload:
    """Return the payload, with the kept fields in ``said`` where they don't follow from it."""
    for name, canonical_name in names.items():
        meant, value = getattr(payload, canonical_name), kept.get(name)
        if type(meant) is not type(value) or meant != value or (meant is None and name in kept):
            text = canonical({names[name]: value for name, value in kept.items()})
            return replace(payload, said=text)
    return payload


def _language_changed(kept: KeptFields) -> Payload:
    return LanguageChanged(
        _reported(kept.get("tts_language_code")),
        _reported(kept.get("transcription_language_code")),
        _language_settings(kept),
        canonical(kept),
    )


def _configurations(value: object) -> Payload | None:
    if not isinstance(value, dict):
        return None
    kept: KeptFields = {}
    languages = value.get("languages")
    if "configurations" in value:
        kept["configurations"] = _fields(value["configurations"], FIELDS["configurations"]) or {}
    if isinstance(languages, dict):
        codes = sorted(code for code in languages if len(code) <= NAME_LENGTH)[:_LANGUAGES]
        kept["languages"] = {
            code: _fields(languages[code], _LANGUAGE_SETTINGS) or {} for code in codes
        }
        if len(languages) > len(codes):
            kept["omitted_languages"] = len(languages) - len(codes)
    return _configured(canonical(kept))


def configured(data: bytes) -> Payload | None:
    """Return the payload of configurations as JSON, which of usual size are read once for many
    sessions. Raises ``msgspec.DecodeError``.
    """
    return _read_once(data) if len(data) <= _USUAL_BYTES else _read(data)


def _read(data: bytes) -> Payload | None:
    return _configurations(msgspec.json.decode(data))


_USUAL_BYTES: Final = 8192
_read_once: Final = lru_cache(maxsize=128)(_read)


@lru_cache(maxsize=128)
def _configured(said: str) -> Configured:
    """Return the payload of a kept configuration, which many sessions usually share."""
    kept: KeptFields = json.loads(said)
    own: KeptFields = kept.get("configurations", {})
    languages: dict[str, KeptFields] = kept.get("languages", {})
    return Configured(
        _reported(own.get("ttsLanguage")) or UNKNOWN,
        _reported(own.get("transcriptionLanguage")) or UNKNOWN,
        LanguageSettings(
            _reported(own.get("ttsProvider"), provider),
            _reported(own.get("voice"), voice),
            _reported(own.get("transcriptionProvider"), provider),
            _reported(own.get("speechProvider")),
        ),
        {code: _language_settings(language) for code, language in languages.items()},
        kept.get("omitted_languages", 0),
        {
            name: setting if isinstance(setting, str) else str(setting).lower()
            for name in SHOWN_SETTINGS
            if (setting := own.get(name)) is not None
        },
        said,
    )


def _language_settings(kept: KeptFields) -> LanguageSettings:
    return LanguageSettings(
        _reported(kept.get("tts_provider"), provider),
        _reported(kept.get("voice"), voice),
        _reported(kept.get("transcription_provider"), provider),
        _reported(kept.get("speech_model")),
    )


def _reported(value: object, normalised: Callable[[str], str] = str) -> str | None:
    """Return a text, normalised; None if nothing was reported, and unknown if it isn't a text."""
    if not value:
        return None
    return normalised(value) if isinstance(value, str) else UNKNOWN


@lru_cache(maxsize=1024)
def provider(text: str) -> str:
    """Return a provider in lower case, without the prefix of Twilio's own building blocks."""
    return text.lower().removeprefix("block_") or UNKNOWN


@lru_cache(maxsize=1024)
def voice(text: str) -> str:
    """Return a voice without its tuning suffix (``-1.0_0.7_0.8``), otherwise unchanged."""
    return _TUNING.sub("", text) or UNKNOWN


ReadPayload = Callable[[Any], Payload | None]


def _of(key: str, name: str, translated: Callable[[KeptFields], Payload]) -> ReadPayload:
    """Return a function that reads the known fields of the payload under ``key``, and translates
    them.
    """
    payload, names = attrgetter(key), FIELDS[name]

    def read(relay: Any) -> Payload | None:
        kept = _fields(payload(relay), names)
        return None if kept is None else translated(kept)

    return read


def _language_info(relay: Any) -> Payload | None:
    kept = _fields(relay.language_info or relay.language_changed, FIELDS["language_changed"])
    return None if kept is None else _language_changed(kept)


# an event's payload is the one that belongs to its name; any others are ignored
PAYLOADS: Final[dict[str, ReadPayload]] = {
    "stt_latency": _of("stt_latency", "stt_latency", _latency),
    "tts_latency": _of("tts_latency", "tts_latency", _latency),
    "final_token_received": _of("last_token_received", "final_token_received", _tokens),
    "interrupt": _of("interrupt", "interrupt", _interrupted),
    "configurations": lambda relay: _configurations(relay.configurations),
    "language_changed": _of("language_changed", "language_changed", _language_changed),
    "language_info": _language_info,
    "call_wrap_up": _of("call_wrap_up", "call_wrap_up", _wrap_up),
    "error_event": _of("error", "error_event", _failed),
}
