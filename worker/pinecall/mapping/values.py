"""Converts values of the wire, none of which can be relied on, to those of call events. Pure.

Only names pass as text, and only if they look like names: a text that could identify somebody, or
could be speech, becomes ``other``.
"""

from __future__ import annotations

import math
import re
from hashlib import blake2b
from typing import Any, Final

from worker.events.bounds import ID_LENGTH
from worker.events.pinecall.cloud_event import MAX_TURN
from worker.identifying import identifies_someone

OTHER_NAME: Final = "other"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@+-]{0,127}", re.ASCII)
_LONGEST_S: Final = 1e9
_LATEST_S: Final = 253_402_300_799
LATEST_MS: Final = _LATEST_S * 1000 + 999
"""The last instant (epoch ms) that can be written as a date."""


def seconds(value: object) -> float | None:
    """Return a duration in s, of any sign; None for anything but a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -_LONGEST_S < value < _LONGEST_S else None


def instant_s(value: object) -> float | None:
    """Return a Unix time in s that can be written as a date; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _LATEST_S else None


def as_ms(value: float) -> int:
    """Return seconds as milliseconds, half up."""
    return math.floor(value * 1000 + 0.5)


def rounded(value: float) -> int:
    """Return seconds as whole ones."""
    return math.floor(value + 0.5)


def count(value: object) -> int | None:
    """Return a count that all JSON readers represent exactly; None for anything else."""
    return value if type(value) is int and 0 <= value <= MAX_TURN else None


def named(value: object) -> str | None:
    """Return a name; ``OTHER_NAME`` for a text that doesn't look like one."""
    if not isinstance(value, str) or not value:
        return None
    if not _NAME.fullmatch(value) or identifies_someone(value):
        return OTHER_NAME
    return value


def ident(value: object) -> str:
    """Return a call's id; an empty one for anything that can't be an id."""
    return value if isinstance(value, str) and len(value) <= ID_LENGTH and value.strip() else ""


def fields(value: object) -> dict[str, Any]:
    """Return an object's fields; an empty object for anything else."""
    return value if isinstance(value, dict) else {}


def turn_number(call: str, speech: object) -> int | None:
    """Return the number of the turn that a speech belongs to: the same at every reading, and unique
    within the call.
    """
    if not isinstance(speech, str) or not speech:
        return None
    text = f"{call}\0{speech}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest()) & MAX_TURN
