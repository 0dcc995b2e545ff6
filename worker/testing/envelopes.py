"""CloudEvents as Twilio's Event Streams writes them, with the oddities of real ones."""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

import msgspec

from worker.events.twilio.envelope import GATEWAY_TYPE
from worker.testing.conversation import SimulatedEvent
from worker.times.rfc3339 import format_ms

encode_envelope: Final = msgspec.json.Encoder().encode

_SCHEMA: Final = "https://events-schemas.twilio.com/VoiceInsights.CallEvent/3"
_EDGES: Final = (("us1", "ashburn"), ("us1", "umatilla"), ("ie1", "dublin"), ("de1", "frankfurt"))


class Oddities(NamedTuple):
    """The shares of events whose envelope departs from the schema, from 0 to 1."""

    data_as_string: float = 0.05
    no_nested_name: float = 0.05
    no_edge: float = 0.3
    no_time: float = 0.02


class CallIds(NamedTuple):
    """The values that all events of a session share. ``metadata`` is fictitious, from ranges
    reserved for documentation.
    """

    account_sid: str
    call_sid: str
    session_id: str
    metadata: dict[str, str]


def sid(rng: Random, prefix: str) -> str:
    """An identifier in Twilio's form: two letters and 32 hexadecimal digits."""
    return f"{prefix}{rng.getrandbits(128):032x}"


def new_call(rng: Random, account_sid: str) -> CallIds:
    """A call with one session, on one of a few edges."""
    region, edge_location = rng.choice(_EDGES)
    metadata = {
        "region": region,
        "twilio_ip": f"192.0.2.{rng.randrange(1, 255)}",
        "external_ip": f"203.0.113.{rng.randrange(1, 255)}",
        "edge_location": edge_location,
    }
    return CallIds(account_sid, sid(rng, "CA"), sid(rng, "VX"), metadata)


def relay_event(
    rng: Random, call: CallIds, occurrence: SimulatedEvent, sequence_number: int, oddities: Oddities
) -> dict[str, object]:
    """The CloudEvent of a ConversationRelay event, ready to be encoded."""
    at, name, key, payload = occurrence
    relay: dict[str, object] = {"session_id": call.session_id}
    if rng.random() >= oddities.no_nested_name:
        relay["name"] = name
    relay["sequence_number"] = sequence_number
    if key is not None:
        relay[key] = payload
    level = "ERROR" if key == "error" else None
    edge = None if rng.random() < oddities.no_edge else "carrier_edge"
    data = call_data(call, at, name, "conversation_relay", edge, level)
    data["conversation_relay_data"] = relay
    event = cloud_event(rng, GATEWAY_TYPE, call.account_sid, at, data)
    if rng.random() < oddities.data_as_string:
        event["data"] = encode_envelope(data).decode()
    if rng.random() < oddities.no_time:
        del event["time"]
    return event


def call_data(
    call: CallIds, at: int, name: str, group: str, edge: str | None, level: str | None
) -> dict[str, object]:
    """The ``data`` of a gateway event of any group."""
    return {
        "timestamp": format_ms(at),
        "call_sid": call.call_sid,
        "account_sid": call.account_sid,
        "edge": edge,
        "name": name,
        "group": group,
        "level": level,
        "carrier_edge": {"metadata": call.metadata},
        "client_edge": None,
        "sip_edge": None,
        "sdk_edge": None,
    }


def cloud_event(
    rng: Random, kind: str, account_sid: str, at: int, data: dict[str, object]
) -> dict[str, object]:
    """The envelope. ``datacontenttype`` contains a time, a mistake that real senders make."""
    time = format_ms(at)
    return {
        "specversion": "1.0",
        "type": kind,
        "source": f"/2010-04-01/Accounts/{account_sid}/VoiceInsights",
        "id": sid(rng, "EZ"),
        "dataschema": _SCHEMA,
        "datacontenttype": time,
        "time": time,
        "data": data,
    }
