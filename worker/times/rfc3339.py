"""Exact conversion of RFC 3339 timestamps to epoch milliseconds and back.

Any offset is accepted; none means UTC; fractions of a millisecond are truncated, never rounded; a
leap second (``:60``) is the first instant of the next minute.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from worker.times.minutes import MINUTE

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH: Final = _EPOCH.replace(tzinfo=None)
_SHAPE: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)?",
    re.ASCII,
)
_LONGEST: Final = 64
_FIRST: Final = -62_135_596_800_000  # 0001-01-01, the first day that can be written back
_LAST: Final = 253_402_300_799_999


def parse_ms(text: str) -> int | None:
    """Return the epoch milliseconds of an RFC 3339 date-time; None if ``text`` isn't one."""
    try:
        # nearly all texts are like 2026-10-02T12:00:00.000Z, and many share their second
        return _SECONDS[text[:20]] + _MILLIS[text[20:]]
    except KeyError:
        return _parse_new(text)


def format_ms(ms: int) -> str:
    """Return ``2026-10-02T12:00:00.000Z`` for an instant in epoch milliseconds."""
    second, millis = divmod(ms, 1000)
    return _text_of_second(second) + _MILLIS_TEXTS[millis]


@lru_cache(maxsize=4096)
def _text_of_second(second: int) -> str:
    return (_NAIVE_EPOCH + timedelta(seconds=second)).isoformat() + "."


def _parse_new(text: str) -> int | None:
    """Return what ``parse_ms`` does; remember the second of a text like most."""
    millis = _MILLIS.get(text[20:])
    second = None if millis is None else _parse_any(text[:20] + "0Z")
    if second is None or millis is None:
        return _parse_any(text)
    if len(_SECONDS) >= _REMEMBERED:
        _SECONDS.clear()
    _SECONDS[text[:20]] = second
    return second + millis


def _parse_any(text: str) -> int | None:
    if len(text) > _LONGEST:
        return None
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    date, clock, seconds, fraction, sign, hours, minutes = match.groups()
    minute = _minute(f"{date}T{clock}")
    if minute is None or seconds > "60":
        return None
    offset = 0
    if sign is not None:
        if hours > "23" or (minutes or "00") > "59":
            return None
        offset = (int(hours) * 60 + int(minutes or 0)) * (MINUTE if sign == "+" else -MINUTE)
    millis = int((fraction or "")[:3].ljust(3, "0"))
    instant = minute - offset + int(seconds) * 1000 + millis
    return instant if _FIRST <= instant <= _LAST else None


@lru_cache(maxsize=4096)
def _minute(text: str) -> int | None:
    """Return the epoch milliseconds of a text of the form ``2026-10-02T12:00``; None if there is no
    such minute.
    """
    if text[11:13] > "23":  # later Pythons would read 24:00
        return None
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
    return (moment - _EPOCH) // timedelta(milliseconds=1)


_REMEMBERED: Final = 4096
_SECONDS: Final[dict[str, int]] = {}
"""Epoch milliseconds of texts like ``2026-10-02T12:00:00.``."""
_MILLIS_TEXTS: Final = [f"{ms:03}Z" for ms in range(1000)]
_MILLIS: Final = {text: ms for ms, text in enumerate(_MILLIS_TEXTS)}
