"""A gateway call event: the session and the time that its ConversationRelay event belongs to.

Decoding is lenient by necessity. Real events omit ``edge``, ``level`` and the nested name, carry
fields that the published schema forbids, and, in Twilio's own reference example, every payload at
once. Only an event that can't be assigned to a session and a time is refused.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from worker.errors import Unreadable
from worker.events.bounds import (
    NAME_LENGTH,
    checked_sequence_number,
    checked_timestamp,
    optional_id,
    required_id,
)
from worker.events.event import Event, SessionKey
from worker.events.twilio.payloads import PAYLOADS

PLATFORM: Final = "twilio"
RELAY_GROUP: Final = "conversation_relay"
"""The ``group`` of the call events that carry ConversationRelay events."""

Loose = str | int | float | bool | None | list[Any]
"""Any value that may occur where an object belongs."""


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
    """``data`` of a gateway call event; only the fields used."""

    timestamp: Any = None
    account_sid: Any = None
    call_sid: Any = None
    name: Any = None
    group: Any = None
    conversation_relay_data: RelayData | Loose = None
    test_id: Any = None  # the one field of a sink's test event


def to_event(call: CallEvent, envelope_time: object, arrival: int) -> Event | None:
    """Return the canonical event of a gateway call event; None if it isn't a ConversationRelay one.

    Raises ``Unreadable`` for a relay event that can't be assigned to a session or a time.
    """
    relay = call.conversation_relay_data
    if not isinstance(relay, RelayData):
        if relay is None and call.group != RELAY_GROUP:
            return None
        raise Unreadable("conversation_relay_data: not an object in an event of conversation_relay")
    name = _name(relay, call)
    read_payload = PAYLOADS.get(name)
    return Event(
        SessionKey(
            PLATFORM,
            optional_id("account_sid", call.account_sid),
            optional_id("call_sid", call.call_sid),
            required_id("session_id", relay.session_id),
        ),
        checked_timestamp(call.timestamp, envelope_time, arrival),
        checked_sequence_number(relay.sequence_number),
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
