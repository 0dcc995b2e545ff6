"""The canonical event: one voice-platform occurrence after decoding, whatever its source."""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import Final, TypeVar, final

import msgspec

from worker.events.payload import Payload


class SessionKey(
    msgspec.Struct, frozen=True, order=True, array_like=True, gc=False, cache_hash=True
):
    """The identity of a session; one call can have several sessions.

    ``account_sid``: ``account/agent`` on a platform that names agents.
    """

    platform: str
    account_sid: str
    call_sid: str
    session_id: str

    def shared(self) -> SessionKey:
        """Return the same key, with the texts that sessions of an account share in memory once."""
        return SessionKey(
            intern(self.platform), intern(self.account_sid), self.call_sid, self.session_id
        )


class Link(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a platform says of an event's place, where it says more than a number.

    ``turn``: equal within a session for what belongs together; None for what belongs to no turn.
    ``previous``: the sequence number of the event before it, None if that isn't known.
    ``guessed``: whether the event's time is only that of something that happened near it.
    """

    turn: int | None = None
    previous: int | None = None
    guessed: bool = False


@final
class Event(msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag=1, gc=False):
    """One event of one session.

    Its identity within the session is ``(timestamp, sequence_number, name)``: a redelivery has the
    same, two different events never do. ``timestamp`` and ``arrival`` are epoch milliseconds;
    ``arrival`` is when the record that carried it reached the stream. ``sequence_number`` is in
    0..2,147,483,647. The predecessor of an event without a ``link`` is the number less one.
    """

    key: SessionKey
    timestamp: int
    sequence_number: int
    name: str
    payload: Payload | None
    arrival: int
    link: Link | None = None


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
    "call_held": 19,
    "call_muted": 20,
    "call_unheld": 21,
    "call_unmuted": 22,
    "handoff": 23,
    "tool_call": 24,
    "turn_latency": 25,
    "vendor_switched": 26,
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
