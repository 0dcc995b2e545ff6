"""The canonical event: one voice-platform occurrence after decoding, whatever its source."""

from __future__ import annotations

import json
from sys import intern
from typing import Any, Final, final

import msgspec

Payload = dict[str, Any]
"""Known fields of an event, values as they came (scalars, or the two string maps of
``configurations`` and how many languages it had beyond the bound)."""


class SessionKey(msgspec.Struct, frozen=True, order=True, array_like=True, gc=False):
    """What tells one session from all others; one call can hold several."""

    platform: str
    account_sid: str
    call_sid: str
    session_id: str

    def shared(self) -> SessionKey:
        """The same key; what all sessions of an account have alike is in memory once."""
        return SessionKey(
            intern(self.platform), intern(self.account_sid), self.call_sid, self.session_id
        )


@final
class Event(msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag=1, gc=False):
    """One event of one session.

    Its identity within the session is ``(timestamp, sequence_number, name)``: a redelivery
    has the same, two different events never do. ``timestamp`` and ``arrival`` are epoch
    milliseconds; ``arrival`` is when the record that carried it reached the stream.
    ``sequence_number`` is in 0..2,147,483,647.
    """

    key: SessionKey
    timestamp: int
    sequence_number: int
    name: str
    payload: Payload | None
    arrival: int


# In ascending order, so that an event's code sorts as its name does. Appending in the middle
# would renumber stored events: a new name needs a new version of the stored format.
KNOWN_NAMES: Final = (
    "call_wrap_up",
    "configurations",
    "digit",
    "dtmf",
    "end_of_agent_speech",
    "end_of_customer_speech",
    "error_event",
    "final_token_received",
    "first_token_received",
    "interrupt",
    "language_changed",
    "language_info",
    "play_media",
    "preempted",
    "prompt_sent",
    "start_of_agent_speech",
    "start_of_customer_speech",
    "stt_latency",
    "tts_latency",
)


def canonical_json(payload: Payload | None) -> str:
    """A payload's canonical JSON: keys sorted, no spaces; ``null`` without a payload.

    Where two deliveries of one event differ, the one with the greater text wins.
    """
    return _CANONICAL.encode(payload)


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
