"""The session of a Pinecall call event, without the rest of it: for routing only. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from worker.events.pinecall.cloud_event import CALL_EVENT_TYPE


class _Data(msgspec.Struct, gc=False):
    session: str = ""


class _Envelope(msgspec.Struct, gc=False):
    type: str
    data: _Data


_envelope: Final = msgspec.json.Decoder(_Envelope).decode


def pinecall_session(data: bytes) -> str | None:
    """Return the session id of the call event in the bytes of one CloudEvent; None if only decoding
    can find it, as for events that name the call alone.
    """
    try:
        envelope = _envelope(data if data.isascii() else data.decode())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return envelope.data.session or None if envelope.type == CALL_EVENT_TYPE else None
