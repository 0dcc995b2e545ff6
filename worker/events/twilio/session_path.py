"""The session of a Twilio call event, without the rest of it: for routing only. Pure.

Decoding everything would cost three times as much, and is done once, by whoever gets the event.
"""

from __future__ import annotations

from typing import Final

import msgspec

from worker.events.twilio.envelope import GATEWAY_TYPE


class _Relay(msgspec.Struct, gc=False):
    session_id: str = ""


class _Call(msgspec.Struct, gc=False):
    conversation_relay_data: _Relay | None = None


class _Envelope(msgspec.Struct, gc=False):
    type: str
    data: _Call | str | None = None


_envelope: Final = msgspec.json.Decoder(_Envelope).decode
_call: Final = msgspec.json.Decoder(_Call).decode


def twilio_session(data: bytes) -> str | None:
    """Return the session id of the call event in the bytes of one CloudEvent; None where only
    decoding can tell.

    If the bytes hold an event at all, it is of this session. They may hold none: times and numbers
    aren't looked at. Several events are never taken for one.
    """
    try:
        # as in the fast path: everything must be UTF-8, not only what is kept
        envelope = _envelope(data if data.isascii() else data.decode())
        call = envelope.data
        if envelope.type != GATEWAY_TYPE or call is None:
            return None
        if isinstance(call, str):
            call = _call(call)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    relay = call.conversation_relay_data
    return relay.session_id or None if relay is not None else None
