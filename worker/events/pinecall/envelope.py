"""Reads Pinecall's CloudEvents, as far as they can be understood. Pure.

Only an event that has no place, in a session or in time, is refused.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET

from worker.errors import Unreadable
from worker.events.bounds import (
    NAME_LENGTH,
    checked_sequence_number,
    checked_timestamp,
    optional_id,
    required_id,
)
from worker.events.cloud_event import decode_text
from worker.events.event import Event, Link, SessionKey
from worker.events.occurrence import Occurrence
from worker.events.payload import Payload
from worker.events.pinecall.cloud_event import MAX_TURN, PINECALL_PLATFORM
from worker.events.pinecall.payloads import PINECALL_PAYLOADS

_GUESSED: Final = ("preceding", "arrival")
"""Origins of a time that isn't the event's own."""


class _Envelope(msgspec.Struct, gc=False):
    time: Any = None
    data: Any = None


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_DATA: Final = msgspec.json.Decoder(dict[str, Any])


def read_pinecall_event(text: str, arrival: int) -> Occurrence:
    """Read the event in a CloudEvent of Pinecall's type.

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
    # a first mapping numbered its events 1, 2, ... under this name
    number = checked_sequence_number(data.get("sequence_number", data.get("n")))
    call = required_id("call", data.get("call"))
    return Event(
        SessionKey(
            PINECALL_PLATFORM,
            _account(data),
            call,
            required_id("session", data.get("session", data.get("call"))),
        ),
        checked_timestamp(data.get("timestamp"), envelope.time, arrival),
        number,
        name,
        _payload(name, data),
        arrival,
        Link(_turn(data.get("turn")), _previous(data, number), data.get("basis") in _GUESSED),
    )


def _name(value: object) -> str:
    return value[:NAME_LENGTH] if isinstance(value, str) else ""


def _payload(name: str, data: dict[str, Any]) -> Payload | None:
    read_payload, said = PINECALL_PAYLOADS.get(name), data.get(name)
    if read_payload is None or not isinstance(said, dict):
        return None
    return read_payload(said)


def _account(data: dict[str, Any]) -> str:
    """Return ``account/agent``, or the account alone where no agent is named."""
    account = optional_id("account", data.get("account"))
    agent = optional_id("agent", data.get("agent"))
    if "/" in account:
        raise Unreadable("account: holds a /")
    return f"{account}/{agent}" if agent else account


def _previous(data: dict[str, Any], number: int) -> int | None:
    """Return the number of the event before: ``number - 1`` where events don't name it."""
    value = data.get("previous", UNSET)
    if value is UNSET:
        return number - 1
    return value if type(value) is int and 0 <= value < number else None


def _turn(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= MAX_TURN else None
