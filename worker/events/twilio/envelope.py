"""The slow path: Twilio's CloudEvents, decoded as far as they can be understood.

``data`` may be an object or a string that holds JSON. Most records are decoded by ``fast_path``.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from worker.errors import Unreadable
from worker.events.cloud_event import decode_text
from worker.events.occurrence import TYPE_LENGTH, Ignored, Occurrence, SinkTest
from worker.events.twilio.call_event import CallEvent, Loose, to_event

GATEWAY_TYPE: Final = "com.twilio.voice.insights.call-event.gateway"
SDK_TYPE: Final = "com.twilio.voice.insights.call-event.sdk"
TEST_TYPE: Final = "com.twilio.eventstreams.test-event"


class _Envelope(msgspec.Struct, gc=False):
    type: Any = None
    time: Any = None
    data: CallEvent | Loose = None


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_CALL_EVENT: Final = msgspec.json.Decoder(CallEvent)


def read_cloud_event(text: str, arrival: int) -> Occurrence:
    """Return the occurrence in a CloudEvent of one of Twilio's two types.

    ``arrival`` in epoch milliseconds. Raises ``Unreadable``.
    """
    envelope: _Envelope = decode_text(text, _ENVELOPE)
    if envelope.type == TEST_TYPE:
        return SinkTest(_test_id(envelope.data))
    call = envelope.data
    if isinstance(call, str):
        try:
            call = decode_text(call, _CALL_EVENT)
        except Unreadable as error:
            raise Unreadable(f"data: a string that isn't JSON: {error}") from None
    if not isinstance(call, CallEvent):
        raise Unreadable("data: not an object")
    return to_event(call, envelope.time, arrival) or Ignored(GATEWAY_TYPE)


def _test_id(data: object) -> str:
    if isinstance(data, str):
        try:
            data = decode_text(data, _CALL_EVENT)
        except Unreadable:
            return ""
    test_id = data.test_id if isinstance(data, CallEvent) else None
    return test_id[:TYPE_LENGTH] if isinstance(test_id, str) else ""
