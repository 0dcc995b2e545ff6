"""Pinecall's CloudEvents, read as far as they can be understood. Pure.

Only what makes an event impossible to place, in a session or in time, is refused.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET

from worker.errors import Unreadable
from worker.events.cloud_event import decode_text
from worker.events.event import Event, Link, SessionKey
from worker.events.occurrence import Occurrence
from worker.events.payload import Payload
from worker.events.pinecall.cloud_event import MAX_SEQUENCE_NUMBER, MAX_TURN, PLATFORM
from worker.events.pinecall.payloads import PAYLOADS
from worker.times.rfc3339 import parse_ms

MAX_AHEAD_MS: Final = 3_600_000
"""How far an event's time may lie ahead of its arrival before it can't be believed."""

MAX_BEHIND_MS: Final = 31 * 86_400_000
"""How far an event's time may lie before its arrival before it can't be believed."""

ID_LENGTH: Final = 256
NAME_LENGTH: Final = 128

_GUESSED: Final = ("preceding", "arrival")
"""Where a time comes from that isn't the event's own."""


class _Envelope(msgspec.Struct, gc=False):
    time: Any = None
    data: Any = None


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_DATA: Final = msgspec.json.Decoder(dict[str, Any])


def read_cloud_event(text: str, arrival: int) -> Occurrence:
    """The event in a CloudEvent of Pinecall's type.

    ``arrival`` in epoch milliseconds. Raises ``Unreadable``.
    """
    envelope: _Envelope = decode_text(text, _ENVELOPE)
    data = envelope.data
    if isinstance(data, str):
        try:
            data = decode_text(data, _DATA)
        except Unreadable as error:
            raise Unreadable(f"data: a string that isn't JSON: {error}") from None
    if not isinstance(data, dict):
        raise Unreadable("data: no object")
    name = _name(data.get("name"))
    number = _sequence_number(data)
    call = _id("call", data.get("call"))
    return Event(
        SessionKey(
            PLATFORM,
            _account(data),
            call,
            _id("session", data.get("session", data.get("call"))),
        ),
        _timestamp(data.get("timestamp"), envelope.time, arrival),
        number,
        name,
        _payload(name, data),
        arrival,
        Link(_turn(data.get("turn")), _previous(data, number), data.get("basis") in _GUESSED),
    )


def _name(value: object) -> str:
    return value[:NAME_LENGTH] if isinstance(value, str) else ""


def _payload(name: str, data: dict[str, Any]) -> Payload | None:
    read_payload, said = PAYLOADS.get(name), data.get(name)
    if read_payload is None or not isinstance(said, dict):
        return None
    return read_payload(said)


def _id(field: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Unreadable(f"{field}: empty or no string")
    return _optional_id(field, value)


def _optional_id(field: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > ID_LENGTH:
        raise Unreadable(f"{field}: no string of at most {ID_LENGTH} characters")
    return value


def _account(data: dict[str, Any]) -> str:
    """``account/agent``, or the account alone where no agent is named."""
    account = _optional_id("account", data.get("account"))
    agent = _optional_id("agent", data.get("agent"))
    if "/" in account:
        raise Unreadable("account: holds a /")
    return f"{account}/{agent}" if agent else account


def _sequence_number(data: dict[str, Any]) -> int:
    """The event's number; of a first mapping's events that had no such field, their ``n``."""
    value = data.get("sequence_number", data.get("n"))
    if type(value) is not int:
        raise Unreadable("sequence_number: no integer")
    if not 0 <= value <= MAX_SEQUENCE_NUMBER:
        raise Unreadable(f"sequence_number: not in 0..{MAX_SEQUENCE_NUMBER}")
    return value


def _previous(data: dict[str, Any], number: int) -> int | None:
    """The number of the event before; that less by one where events don't name theirs."""
    value = data.get("previous", UNSET)
    if value is UNSET:
        return number - 1
    return value if type(value) is int and 0 <= value < number else None


def _turn(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= MAX_TURN else None


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
