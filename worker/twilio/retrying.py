"""The pauses before retries of a request that Twilio has not carried out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from worker.backoff import full_jitter

ATTEMPTS: Final = 8
"""The attempts before a request is given up."""

LONGEST_RETRY_AFTER_S: Final = 600.0
"""A service that asks for a longer wait counts as unreachable."""

_FIRST_S: Final = 1.0
_LONGEST_S: Final = 60.0


def pause_s(failures: int, retry_after_s: float, random: Callable[[], float]) -> float:
    """Seconds before the next attempt after ``failures`` (1 or more) in a row.

    The pause has full jitter, plus the wait that the service asked for (``Retry-After``).
    ``random`` returns numbers from 0 up to, but not including, 1.
    """
    return retry_after_s + full_jitter(_FIRST_S, _LONGEST_S, failures - 1, random)


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds that an answer's ``Retry-After`` asks to wait; 0 if it is absent or unreadable.

    ``headers``: by names in lower case. A date is relative to the answer's own ``Date``.
    """
    value = headers.get("retry-after", "").strip()
    if value.isdecimal() and value.isascii():
        return float(value[:9])
    until, now = _date(value), _date(headers.get("date", ""))
    if until is None or now is None:
        return 0.0
    return max(0.0, (until - now) / timedelta(seconds=1))


def _date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return date if date.tzinfo is not None else None
