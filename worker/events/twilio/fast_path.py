"""The fast path, for the great majority of user records: call events exactly as in their schema.

It takes one typed decode (two where ``data`` is a string) and a few look-ups. Anything else is left
to the slow path (``envelope``), which gives the same result for every record that is decoded here;
a test holds that.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, final

import msgspec
from msgspec import UNSET, UnsetType

from worker.events.bounds import (
    ID_LENGTH,
    INT64,
    MAX_AHEAD_MS,
    MAX_BEHIND_MS,
    MAX_SEQUENCE_NUMBER,
    NAME_LENGTH,
)
from worker.events.event import EVENT_CODES, Event, SessionKey
from worker.events.occurrence import TYPE_LENGTH, Ignored
from worker.events.payload import Interrupted, Latency, Payload, Tokens
from worker.events.twilio.call_event import ALIASES, PLATFORM, RELAY_GROUP
from worker.events.twilio.envelope import GATEWAY_TYPE, TEST_TYPE
from worker.events.twilio.payloads import PAYLOADS, ReadPayload, configured
from worker.times.rfc3339 import parse_ms

_Id = Annotated[str, msgspec.Meta(max_length=ID_LENGTH)]
_SequenceNumber = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQUENCE_NUMBER)]
_Int64 = Annotated[int, msgspec.Meta(ge=-INT64, le=INT64 - 1)]


_NULL: Final = msgspec.Raw(b"null")


class _Latency(msgspec.Struct, gc=False):
    latency_ms: _Int64 | UnsetType = UNSET


class _Tokens(msgspec.Struct, gc=False):
    total_tokens: _Int64 | UnsetType = UNSET
    total_words: _Int64 | UnsetType = UNSET


class _Interrupt(msgspec.Struct, gc=False):
    type: Literal["SPEECH", "DTMF"]


class _Relay(msgspec.Struct, gc=False, kw_only=True):
    """``conversation_relay_data``, with fields in the order in which they come; the payloads that
    come with each turn are typed, and configurations, the same in many sessions, left as they are.
    """

    session_id: _Id
    name: str | None = None
    sequence_number: _SequenceNumber
    stt_latency: _Latency | None = None
    tts_latency: _Latency | None = None
    last_token_received: _Tokens | None = None
    interrupt: _Interrupt | None = None
    configurations: msgspec.Raw = _NULL
    language_changed: Any = None
    language_info: Any = None
    call_wrap_up: Any = None
    error: Any = None


@final
class _Call(msgspec.Struct, gc=False):
    """``data`` of a call event."""

    timestamp: str = ""
    call_sid: _Id = ""
    account_sid: _Id = ""
    name: str | None = None
    group: str | None = None
    conversation_relay_data: _Relay | None = None


class _Envelope(msgspec.Struct, gc=False):
    type: str
    data: _Call | str | None = None


_envelope: Final = msgspec.json.Decoder(_Envelope).decode
_call: Final = msgspec.json.Decoder(_Call).decode
_OTHER_CALL_EVENT: Final = Ignored(GATEWAY_TYPE)
_LEAST_DELAY_MS: Final = -MAX_AHEAD_MS


def read_quickly(data: bytes, arrival: int) -> Event | Ignored | None:
    """Return the occurrence in the bytes of one CloudEvent; None where only the slow path can
    decide.

    ``arrival`` in epoch milliseconds.
    """
    try:
        # msgspec checks the encoding only of what it keeps, and everything must be UTF-8
        envelope = _envelope(data if data.isascii() else data.decode())
        call = envelope.data
        if envelope.type != GATEWAY_TYPE:
            kind = envelope.type
            return None if kind == TEST_TYPE else Ignored(kind[:TYPE_LENGTH])
        if type(call) is not _Call:
            if call is None:
                return None
            call = _call(call)
        relay = call.conversation_relay_data
        if relay is None:
            return None if call.group == RELAY_GROUP else _OTHER_CALL_EVENT
        return _event(call, relay, arrival)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _event(call: _Call, relay: _Relay, arrival: int) -> Event | None:
    timestamp = parse_ms(call.timestamp)
    if timestamp is None or not _LEAST_DELAY_MS <= arrival - timestamp <= MAX_BEHIND_MS:
        return None
    session = relay.session_id
    key = _KEYS.get(session)
    if key is None or key.call_sid != call.call_sid or key.account_sid != call.account_sid:
        if not session or session.isspace():
            return None
        key = _remembered(SessionKey(PLATFORM, call.account_sid, call.call_sid, session))
    name = relay.name or call.name or ""
    payload: Payload | None = None
    known = _NAMES.get(name)
    if known is None:
        name = name[:NAME_LENGTH]
    else:
        name, read_payload = known
        if read_payload is not None:
            payload = read_payload(relay)
    return Event(key, timestamp, relay.sequence_number, name, payload, arrival)


def _remembered(key: SessionKey) -> SessionKey:
    """Return the key, which the next events of its session share: it is hashed but once."""
    if len(_KEYS) >= _MOST_REMEMBERED:
        _KEYS.clear()
    _KEYS[key.session_id] = key
    return key


_KEYS: Final[dict[str, SessionKey]] = {}
_MOST_REMEMBERED: Final = 4096


_NO_LATENCY: Final = Latency()


def _stt_latency(relay: _Relay) -> Latency | None:
    if (reported := relay.stt_latency) is None:
        return None
    return _NO_LATENCY if (ms := reported.latency_ms) is UNSET else Latency(ms)


def _tts_latency(relay: _Relay) -> Latency | None:
    if (reported := relay.tts_latency) is None:
        return None
    return _NO_LATENCY if (ms := reported.latency_ms) is UNSET else Latency(ms)


def _tokens(relay: _Relay) -> Tokens | None:
    if (reported := relay.last_token_received) is None:
        return None
    tokens, words = reported.total_tokens, reported.total_words
    return Tokens(None if tokens is UNSET else tokens, None if words is UNSET else words)


def _interrupted(relay: _Relay) -> Interrupted | None:
    return None if (reported := relay.interrupt) is None else Interrupted(reported.type)


def _configured(relay: _Relay) -> Payload | None:
    return configured(bytes(relay.configurations))


_TYPED: Final[dict[str, ReadPayload]] = {
    "stt_latency": _stt_latency,
    "tts_latency": _tts_latency,
    "final_token_received": _tokens,
    "interrupt": _interrupted,
    "configurations": _configured,
}
"""Readers of the payloads that are typed here, as long as they conform to their schema, and of
those that come as they are.
"""

_NAMES: Final[dict[str, tuple[str, ReadPayload | None]]] = {
    said: (name, _TYPED.get(name) or PAYLOADS.get(name))
    for said, name in (*zip(EVENT_CODES, EVENT_CODES, strict=True), *ALIASES.items())
}
"""A known event's name and the reader of its payload, by each name that the event may have."""
