"""The pauses before retries of a request that Twilio has not carried out. Pure."""

from __future__ import annotations

from collections.abc import Callable
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
