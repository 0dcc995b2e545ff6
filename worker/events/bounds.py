"""The bounds within which events of every platform are believed, and their checks. Pure.

Each check raises ``Unreadable`` for a value with which an event can't be assigned to a session or a
time.
"""

from __future__ import annotations

from typing import Final

from worker.errors import Unreadable
from worker.times.rfc3339 import parse_ms

MAX_AHEAD_MS: Final = 3_600_000
"""How far an event's time may lie ahead of its arrival before it can't be believed."""

MAX_BEHIND_MS: Final = 31 * 86_400_000
"""How far an event's time may lie before its arrival before it can't be believed."""

MAX_SEQUENCE_NUMBER: Final = (1 << 31) - 1
"""Sequence numbers range from 0 to this one."""

ID_LENGTH: Final = 256
NAME_LENGTH: Final = 128
TEXT_LENGTH: Final = 200
INT64: Final = 1 << 63


def required_id(field: str, value: object) -> str:
    """Return an id that must be there."""
    if not isinstance(value, str) or not value.strip():
        raise Unreadable(f"{field}: empty or not a string")
    if len(value) > ID_LENGTH:
        raise Unreadable(f"{field}: longer than {ID_LENGTH} characters")
    return value


def optional_id(field: str, value: object) -> str:
    """Return an id; empty if there is none."""
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > ID_LENGTH:
        raise Unreadable(f"{field}: not a string of at most {ID_LENGTH} characters")
    return value


def checked_sequence_number(value: object) -> int:
    """Return a sequence number."""
    # bool is a subclass of int, and true isn't a sequence number
    if type(value) is not int:
        raise Unreadable("sequence_number: not an integer")
    if not 0 <= value <= MAX_SEQUENCE_NUMBER:
        raise Unreadable(f"sequence_number: not in 0..{MAX_SEQUENCE_NUMBER}")
    return value


def checked_timestamp(own: object, envelope: object, arrival: int) -> int:
    """Return an event's ``own`` time, else its ``envelope``'s, in epoch ms; so is ``arrival``."""
    instant = parse_ms(own) if isinstance(own, str) else None
    if instant is None and isinstance(envelope, str):
        instant = parse_ms(envelope)
    if instant is None:
        raise Unreadable("timestamp: missing, or not RFC 3339")
    if instant - arrival > MAX_AHEAD_MS:
        raise Unreadable("timestamp: more than 1 h ahead of its arrival")
    if arrival - instant > MAX_BEHIND_MS:
        raise Unreadable("timestamp: more than 31 days before its arrival")
    return instant
