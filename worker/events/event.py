"""The canonical event: one voice-platform occurrence after decoding, whatever its source."""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import Final, TypeVar, final

import msgspec

from worker.events.payload import Payload


class SessionKey(msgspec.Struct, frozen=True, order=True, array_like=True, gc=False):
    """The identity of a session; one call can have several sessions."""

    platform: str
    account_sid: str
    call_sid: str
    session_id: str

    def shared(self) -> SessionKey:
        """Return the same key, with the texts that sessions of an account share in memory once."""
        return SessionKey(
            intern(self.platform), intern(self.account_sid), self.call_sid, self.session_id
        )


@final
class Event(msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag=1, gc=False):
    """One event of one session.

    Its identity within the session is ``(timestamp, sequence_number, name)``: a redelivery has the
    same, two different events never do. ``timestamp`` and ``arrival`` are epoch milliseconds;
    ``arrival`` is when the record that carried it reached the stream. ``sequence_number`` is in
    0..2,147,483,647.
    """

    key: SessionKey
    timestamp: int
    sequence_number: int
    name: str
    payload: Payload | None
    arrival: int


EVENT_CODES: Final[dict[str, int]] = {
    "call_wrap_up": 0,
    "configurations": 1,
    "digit": 2,
    "dtmf": 3,
    "end_of_agent_speech": 4,
    "end_of_customer_speech": 5,
    "error_event": 6,
    "final_token_received": 7,
    "first_token_received": 8,
    "interrupt": 9,
    "language_changed": 10,
    "language_info": 11,
    "play_media": 12,
    "preempted": 13,
    "prompt_sent": 14,
    "start_of_agent_speech": 15,
    "start_of_customer_speech": 16,
    "stt_latency": 17,
    "tts_latency": 18,
}
"""The names of known events, each with the code that represents it wherever events are stored.

Append only: a new name takes the next code, whatever its place in the alphabet, and no code is ever
reused. An event stored while its name was unknown has the name itself; ``event_log.unpack_log``
replaces it by the code.
"""


_Step = TypeVar("_Step")


def by_code(steps: Mapping[str, _Step]) -> tuple[_Step | None, ...]:
    """Return a table of the steps by event code; None for names without a step."""
    by_number = {EVENT_CODES[name]: step for name, step in steps.items()}
    return tuple(map(by_number.get, range(len(EVENT_CODES))))
