"""Other events on such a stream: readable, but not ConversationRelay's."""

from __future__ import annotations

from random import Random
from typing import Final

from worker.events.twilio.envelope import GATEWAY_TYPE, SDK_TYPE, TEST_TYPE
from worker.testing.envelopes import (
    CallIds,
    call_data,
    cloud_event,
    encode_envelope,
    sid,
)

_GATEWAY_NAMES: Final = (
    ("call", "call.initiated"),
    ("call", "call.ringing"),
    ("call", "call.answered"),
    ("call", "call.completed"),
    ("audio_quality", "high-jitter"),
    ("audio_quality", "silence-detected"),
)


def other_event(rng: Random, call: CallIds, at: int) -> bytes:
    """A gateway event of another group, an SDK's call event, or another product's event."""
    draw = rng.random()
    if draw < 0.7:
        group, name = rng.choice(_GATEWAY_NAMES)
        data = call_data(call, at, name, group, "carrier_edge", rng.choice((None, "WARNING")))
        return encode_envelope(cloud_event(rng, GATEWAY_TYPE, call.account_sid, at, data))
    if draw < 0.9:
        data = call_data(call, at, "network-quality", "metrics", "sdk_edge", "INFO")
        data["sdk_edge"] = {"metric": {"threshold": 0.5, "values": [rng.randrange(400, 900)]}}
        return encode_envelope(cloud_event(rng, SDK_TYPE, call.account_sid, at, data))
    message = {"accountSid": call.account_sid, "messageSid": sid(rng, "SM"), "status": "delivered"}
    kind = "com.twilio.messaging.message.delivered"
    return encode_envelope(cloud_event(rng, kind, call.account_sid, at, dict(message)))


def sink_test_event(rng: Random, account_sid: str, at: int) -> bytes:
    """The test event of a sink; its ``id`` is the same every time for an account."""
    event = cloud_event(rng, TEST_TYPE, account_sid, at, {"test_id": sid(rng, "")})
    event["id"] = account_sid
    return encode_envelope(event)
