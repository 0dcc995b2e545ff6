"""Twilio's vocabulary: what a ConversationRelay event in a gateway call event says.

Lenient by need. Real events leave ``edge``, ``level`` and the nested name out, carry fields
that the published schema forbids, and, in Twilio's own reference example, every payload at
once. Only what makes an event impossible to place is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

import msgspec

from worker.errors import Unreadable
from worker.events.event import Event, Payload, SessionKey
from worker.times.rfc3339 import parse_ms

PLATFORM: Final = "twilio"
RELAY_GROUP: Final = "conversation_relay"
"""The ``group`` of the call events that carry ConversationRelay events."""

MAX_AHEAD_MS: Final = 3_600_000
"""How far an event's time may lie ahead of its arrival before it can't be believed."""

MAX_BEHIND_MS: Final = 31 * 86_400_000
"""How far an event's time may lie before its arrival before it can't be believed."""

MAX_SEQUENCE_NUMBER: Final = (1 << 31) - 1
"""Sequence numbers run from 0 up to this one."""

INT64: Final = 1 << 63
NAME_LENGTH: Final = 128
ID_LENGTH: Final = 256
TEXT_LENGTH: Final = 200
_LANGUAGES: Final = 50

Loose = str | int | float | bool | None | list[Any]
"""What may stand where an object belongs."""


class RelayData(msgspec.Struct, gc=False):
    """``conversation_relay_data``; every field may hold anything."""

    session_id: Any = None
    sequence_number: Any = None
    name: Any = None
    stt_latency: Any = None
    tts_latency: Any = None
    interrupt: Any = None
    last_token_received: Any = None
    configurations: Any = None
    language_changed: Any = None
    language_info: Any = None
    call_wrap_up: Any = None
    error: Any = None


class CallEvent(msgspec.Struct, gc=False):
    """``data`` of a gateway call event, as far as it is read."""

    timestamp: Any = None
    account_sid: Any = None
    call_sid: Any = None
    name: Any = None
    group: Any = None
    conversation_relay_data: RelayData | Loose = None
    test_id: Any = None  # the one field of a sink's test event


def to_event(call: CallEvent, envelope_time: object, arrival: int) -> Event | None:
    """The canonical event of a gateway call event; None if it isn't a ConversationRelay one.

    Raises ``Unreadable`` for a relay event that can't be placed in a session or in time.
    """
    relay = call.conversation_relay_data
    if not isinstance(relay, RelayData):
        if relay is None and call.group != RELAY_GROUP:
            return None
        raise Unreadable("conversation_relay_data: no object in an event of conversation_relay")
    name = _name(relay, call)
    read_payload = PAYLOADS.get(name)
    return Event(
        SessionKey(
            PLATFORM,
            _optional_id("account_sid", call.account_sid),
            _optional_id("call_sid", call.call_sid),
            _session_id(relay.session_id),
        ),
        _timestamp(call.timestamp, envelope_time, arrival),
        _sequence_number(relay.sequence_number),
        name,
        None if read_payload is None else read_payload(relay),
        arrival,
    )


ALIASES: Final = {"error": "error_event", "last_token_received": "final_token_received"}


def _name(relay: RelayData, call: CallEvent) -> str:
    name = relay.name if isinstance(relay.name, str) and relay.name else call.name
    if not isinstance(name, str):
        return ""
    return ALIASES.get(name, name)[:NAME_LENGTH]


def _session_id(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Unreadable("session_id: empty or no string")
    if len(value) > ID_LENGTH:
        raise Unreadable(f"session_id: longer than {ID_LENGTH} characters")
    return value


def _optional_id(field: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > ID_LENGTH:
        raise Unreadable(f"{field}: no string of at most {ID_LENGTH} characters")
    return value


def _sequence_number(value: object) -> int:
    # bool is a subclass of int, and a sequence number of true is no number
    if type(value) is not int:
        raise Unreadable("sequence_number: no integer")
    if not 0 <= value <= MAX_SEQUENCE_NUMBER:
        raise Unreadable(f"sequence_number: not in 0..{MAX_SEQUENCE_NUMBER}")
    return value


def _timestamp(own: object, envelope: object, arrival: int) -> int:
    instant = parse_ms(own) if isinstance(own, str) else None
    if instant is None and isinstance(envelope, str):
        instant = parse_ms(envelope)
    if instant is None:
        raise Unreadable("timestamp: none, or not RFC 3339")
    if instant - arrival > MAX_AHEAD_MS:
        raise Unreadable("timestamp: more than 1 h ahead of its arrival")
    if arrival - instant > MAX_BEHIND_MS:
        raise Unreadable("timestamp: more than 31 days before its arrival")
    return instant


_LANGUAGE_FIELDS: Final = (
    "speech_model",
    "transcription_language_code",
    "transcription_provider",
    "tts_language_code",
    "tts_provider",
    "voice",
)
_CONFIGURATION_FIELDS: Final = (
    "dtmfDetection",
    "interruptOptions",
    "interruptible",
    "partialPromptOnHangup",
    "partialPrompts",
    "preemptible",
    "reportInputDuringAgentSpeech",
    "speechProvider",
    "speechTimeout",
    "transcriptionLanguage",
    "transcriptionProvider",
    "ttsLanguage",
    "ttsProvider",
    "voice",
    "welcomeGreetingInterruptible",
)
_LANGUAGE_CONFIGURATION_FIELDS: Final = (
    "speech_model",
    "transcription_provider",
    "tts_provider",
    "voice",
)


def _fields(value: object, names: tuple[str, ...]) -> Payload | None:
    if not isinstance(value, dict):
        return None
    return {name: _scalar(value[name]) for name in names if name in value}


def _scalar(value: object) -> object:
    """A scalar as it is, within bounds; anything else counts as absent."""
    if isinstance(value, str):
        return value[:TEXT_LENGTH]
    if type(value) is int and not -INT64 <= value < INT64:
        return float("inf") if value > 0 else float("-inf")
    return value if isinstance(value, int | float) else None


def _configurations(value: object) -> Payload | None:
    if not isinstance(value, dict):
        return None
    languages = value.get("languages")
    kept: Payload = {}
    if "configurations" in value:
        kept["configurations"] = _fields(value["configurations"], _CONFIGURATION_FIELDS) or {}
    if isinstance(languages, dict):
        codes = sorted(code for code in languages if len(code) <= NAME_LENGTH)[:_LANGUAGES]
        kept["languages"] = {
            code: _fields(languages[code], _LANGUAGE_CONFIGURATION_FIELDS) or {} for code in codes
        }
        if len(languages) > len(codes):
            kept["omitted_languages"] = len(languages) - len(codes)
    return kept


ReadPayload = Callable[[Any], Payload | None]


def _of(key: str, *names: str) -> ReadPayload:
    """Reads the known fields of the payload under that key."""
    payload = attrgetter(key)
    return lambda relay: _fields(payload(relay), names)


# the payload that belongs to the name; all others are ignored
PAYLOADS: Final[dict[str, ReadPayload]] = {
    "stt_latency": _of("stt_latency", "latency_ms"),
    "tts_latency": _of("tts_latency", "latency_ms"),
    "final_token_received": _of("last_token_received", "total_tokens", "total_words"),
    "interrupt": _of("interrupt", "type"),
    "configurations": lambda relay: _configurations(relay.configurations),
    "language_changed": _of("language_changed", *_LANGUAGE_FIELDS),
    "language_info": lambda relay: _fields(
        relay.language_info or relay.language_changed, _LANGUAGE_FIELDS
    ),
    "call_wrap_up": _of("call_wrap_up", "duration_in_seconds", "end_status"),
    "error_event": _of("error", "error_code", "message"),
}
