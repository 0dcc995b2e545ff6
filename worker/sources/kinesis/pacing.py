"""The pace of calls: when a shard may be called again. Pure.

The stream allows 5 GetRecords per second and shard, and 2 MiB per second and shard. Waits count
from the answer, so the server never sees calls closer together than that. A call costs as much as a
hundred or so records of its answer, so fewer and fuller answers are fetched than would be possible.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from worker.backoff import full_jitter

FLOWING: Final = 500  # ms between an answer and the next call while records come; see docs
QUIET: Final = 2000  # ms, the most, at the tip of a shard that gets no records
LONGEST_BACKOFF: Final = 15_000  # ms

_BYTES_A_SECOND: Final = 2 << 20

Random = Callable[[], float]
"""Uniform over [0, 1)."""


class Pace(NamedTuple):
    """``gap``: ms until the next call while all is well. ``failures``: consecutive ones, so far."""

    gap: int = FLOWING
    failures: int = 0


STEADY: Final = Pace()


def after_answer(pace: Pace, records: int, size: int, millis_behind: int) -> tuple[Pace, int]:
    """Return the pace after an answer of ``records`` records and ``size`` bytes, and the wait in
    ms.
    """
    gap = FLOWING if records or millis_behind else min(pace.gap * 2, QUIET)
    return Pace(gap), max(gap, -(-size * 1000 // _BYTES_A_SECOND))


def after_failure(pace: Pace, random: Random) -> tuple[Pace, int]:
    """Return the pace after a failed call and the wait in ms: full jitter on top of the least
    gap.
    """
    jitter = full_jitter(FLOWING, LONGEST_BACKOFF, pace.failures, random)
    return Pace(FLOWING, pace.failures + 1), FLOWING + int(jitter)
