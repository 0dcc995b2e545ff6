"""Pinecall's payloads: the fields that are kept, and their meaning in canonical terms. Pure.

Any field may hold anything: a value that is no integer, text or flag counts as absent, and a text
that is too long is cut, and ends with a digest of the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from worker.events.bounds import INT64, TEXT_LENGTH
from worker.events.payload import (
    Configured,
    EndStatus,
    Failed,
    HandedOff,
    Interrupted,
    LanguageChanged,
    LanguageSettings,
    Latency,
    Payload,
    Tokens,
    ToolCalled,
    TurnLatency,
    VendorSwitched,
    WrapUp,
    canonical,
)
from worker.metrics.dimension_values import UNKNOWN, with_digest

_SHOWN_SETTINGS: Final = ("channel", "direction")
"""The settings of a session that its record shows."""

_ENDINGS: Final[dict[str | None, EndStatus]] = {
    None: "unknown",
    "unknown": "unknown",
    "ended": "ended",
    "hung_up": "hung_up",
    "failure": "failure",
}
_NO_COUNT: Final = -1

Fields = dict[str, Any]


def _integer(value: object) -> int | None:
    return value if type(value) is int and -INT64 <= value < INT64 else None


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    return value if len(value) <= TEXT_LENGTH else with_digest(value, value, TEXT_LENGTH)


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: object) -> int | None:
    """Return a count; None if none is reported, and -1 if the reported value is no integer."""
    if value is None:
        return None
    whole = _integer(value)
    return _NO_COUNT if whole is None else whole


def _provider(value: object) -> str | None:
    text = _text(value)
    return None if text is None else text.lower()


def _latency(said: Fields) -> Payload:
    return Latency(_integer(said.get("latency_ms")))


def _turn_latency(said: Fields) -> Payload:
    return TurnLatency(
        _integer(said.get("eou_ms")),
        _integer(said.get("application_ms")),
        _integer(said.get("response_ms")),
    )


def _tokens(said: Fields) -> Payload:
    return Tokens(_count(said.get("total_tokens")), _count(said.get("total_words")))


def _interrupted(said: Fields) -> Payload:
    kind = said.get("type")
    return Interrupted(kind if kind == "SPEECH" or kind == "DTMF" else "UNKNOWN")


def _configured(said: Fields) -> Payload:
    own = said.get("configurations")
    own = own if isinstance(own, dict) else {}
    settings = LanguageSettings(
        _provider(own.get("ttsProvider")),
        _text(own.get("voice")),
        _provider(own.get("transcriptionProvider")),
        _text(own.get("speechProvider")),
    )
    shown = {name: text for name in _SHOWN_SETTINGS if (text := _text(own.get(name))) is not None}
    return Configured(UNKNOWN, UNKNOWN, settings, {}, 0, shown)


def _language(said: Fields) -> Payload:
    return LanguageChanged(
        _text(said.get("tts_language_code")),
        _text(said.get("transcription_language_code")),
        LanguageSettings(
            _provider(said.get("tts_provider")),
            _text(said.get("voice")),
            _provider(said.get("transcription_provider")),
            _text(said.get("speech_model")),
        ),
    )


def _failed(said: Fields) -> Payload:
    code = said.get("error_code")
    return Failed(_integer(code) if type(code) is int else _text(code))


def _wrap_up(said: Fields) -> Payload:
    status = _text(said.get("end_status"))
    return WrapUp(_integer(said.get("duration_in_seconds")), status, _ENDINGS.get(status, "other"))


def _tool_called(said: Fields) -> Payload:
    ok = _flag(said.get("ok"))
    return ToolCalled(_text(said.get("name")), _integer(said.get("duration_ms")), ok)


def _vendor_switched(said: Fields) -> Payload:
    available = _flag(said.get("available"))
    return VendorSwitched(_text(said.get("stage")), _provider(said.get("serving")), available)


def _handed_off(said: Fields) -> Payload:
    kind = said.get("kind")
    kind = kind.rpartition(".")[2] if isinstance(kind, str) else None
    step: Literal["begins", "ends"] | None = None
    if kind == "took_over" or (kind == "transferred" and said.get("ok") is True):
        step = "begins"
    elif kind == "released":
        step = "ends"
    kept = {"kind": _text(kind), "mode": _text(said.get("mode")), "ok": _flag(said.get("ok"))}
    return HandedOff(step, canonical({name: value for name, value in kept.items() if value}))


PINECALL_PAYLOADS: Final[dict[str, Callable[[Fields], Payload]]] = {
    "stt_latency": _latency,
    "tts_latency": _latency,
    "turn_latency": _turn_latency,
    "final_token_received": _tokens,
    "interrupt": _interrupted,
    "configurations": _configured,
    "language_info": _language,
    "language_changed": _language,
    "error_event": _failed,
    "call_wrap_up": _wrap_up,
    "tool_call": _tool_called,
    "vendor_switched": _vendor_switched,
    "handoff": _handed_off,
}
"""The reader of an event's payload, by the event's name; other payloads are ignored."""
