"""Dead letters: occurrences, sessions and samples that can't be counted, as one line of JSON each.

Each line carries its ``kind`` and the ``version`` of this format, so that a later reader knows how
to interpret the rest. Bytes are base64. Pure.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import asdict

from worker.errors import BadInput
from worker.events.decode import Origin
from worker.events.event import SessionKey
from worker.times.rfc3339 import format_ms

LETTER_VERSION: Final = 1
"""The version of the lines that this release writes, and the only one that it reads."""

TOO_LATE: Final = "expired: older than any session that is still kept"
"""The reason for an event that is readable but too late ever to be counted."""

OVER_CAPACITY: Final = "too many sessions in memory"
"""The reason for an event that arrived when there was no room for its session."""


class OccurrenceLetter(
    msgspec.Struct, frozen=True, order=True, tag_field="kind", tag="occurrence", kw_only=True
):
    """An occurrence that can't be counted: the reason, its origin in the stream, its arrival time
    there (RFC 3339, UTC), and its bytes. ``sub_sequence`` is its index in a KPL aggregate; None for
    a record that isn't one.
    """

    version: int = LETTER_VERSION
    reason: str
    shard: str
    sequence_number: str
    sub_sequence: int | None
    arrival: str
    data: bytes

    @property
    def time(self) -> str:
        """The occurrence's arrival time (RFC 3339, UTC)."""
        return self.arrival


class SessionLetter(msgspec.Struct, frozen=True, tag_field="kind", tag="session", kw_only=True):
    """A session in which the worker met a defect: the reason, the arrival time of its latest event
    (RFC 3339, UTC), its key, and its events as the worker packs them.
    """

    version: int = LETTER_VERSION
    reason: str
    arrival: str
    platform: str
    account_sid: str
    call_sid: str
    session_id: str
    events: bytes

    @property
    def time(self) -> str:
        """The arrival time of the latest event (RFC 3339, UTC)."""
        return self.arrival


class SamplesLetter(msgspec.Struct, frozen=True, tag_field="kind", tag="samples", kw_only=True):
    """Samples that a destination rejects: the reason, their first minute (RFC 3339, UTC), and the
    data points as the destination would have received them.
    """

    version: int = LETTER_VERSION
    reason: str
    minute: str
    datums: list[Any]

    @property
    def time(self) -> str:
        """The first minute of the samples (RFC 3339, UTC)."""
        return self.minute


class TraceLetter(msgspec.Struct, frozen=True, tag_field="kind", tag="trace", kw_only=True):
    """A session whose trace a destination doesn't take: why, when the session ended (RFC 3339,
    UTC), and its key. Its record is where records are.
    """

    version: int = LETTER_VERSION
    reason: str
    ended_at: str
    platform: str
    account_sid: str
    call_sid: str
    session_id: str

    @property
    def time(self) -> str:
        """When the session ended (RFC 3339, UTC)."""
        return self.ended_at


DeadLetter = OccurrenceLetter | SessionLetter | SamplesLetter | TraceLetter


def occurrence_letter(reason: str, place: Origin, data: bytes) -> OccurrenceLetter:
    """Return the dead letter of an occurrence with these bytes from ``place``."""
    return OccurrenceLetter(
        reason=reason,
        shard=place.shard,
        sequence_number=place.sequence_number,
        sub_sequence=place.sub_sequence,
        arrival=format_ms(place.arrival),
        data=data,
    )


def session_letter(reason: str, key: SessionKey, arrival: int, log: bytes) -> SessionLetter:
    """Return the dead letter of a session with this log, whose latest event arrived at ``arrival``
    (epoch ms).
    """
    return SessionLetter(reason=reason, arrival=format_ms(arrival), **asdict(key), events=log)


def samples_letter(reason: str, minute: int, datums: list[Any]) -> SamplesLetter:
    """Return the dead letter of data points; ``minute`` (epoch ms) is that of the first one."""
    return SamplesLetter(reason=reason, minute=format_ms(minute), datums=datums)


def trace_letter(reason: str, key: SessionKey, ended_at: str) -> TraceLetter:
    """The dead letter of the trace of a session that ended at ``ended_at`` (RFC 3339, UTC)."""
    return TraceLetter(reason=reason, ended_at=ended_at, **asdict(key))


def encode_letter(letter: DeadLetter) -> bytes:
    """Return a dead letter as a line, without the line end."""
    return _ENCODER.encode(letter)


def decode_letter(line: bytes) -> DeadLetter:
    """Return the dead letter that a line holds.

    Raises ``BadInput`` for a version that this release doesn't know, and ``msgspec.DecodeError``
    for a line that isn't a dead letter.
    """
    version = _HEAD.decode(line).version
    if version != LETTER_VERSION:
        raise BadInput(
            f"a dead letter of version {version}; this release reads version {LETTER_VERSION}"
        )
    return _DECODER.decode(line)


class _Head(msgspec.Struct):
    version: int


_ENCODER: Final = msgspec.json.Encoder()
_HEAD: Final = msgspec.json.Decoder(_Head)
_DECODER: Final[msgspec.json.Decoder[DeadLetter]] = msgspec.json.Decoder(DeadLetter)
