"""When a shard may be asked again. Pure.

The stream allows 5 GetRecords a second and shard, and 2 MiB a second and shard. Waits count from
the answer, so what the server sees is never closer together than they say. A call costs as much
as some hundred records of its answer, so fewer and fuller answers are fetched than could be.
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
    """``gap``: ms until the next call while all is well. ``failures``: in a row, so far."""

    gap: int = FLOWING
    failures: int = 0


STEADY: Final = Pace()


def after_answer(pace: Pace, records: int, size: int, millis_behind: int) -> tuple[Pace, int]:
    """The pace after an answer of ``records`` records and ``size`` bytes, and the wait in ms."""
    gap = FLOWING if records or millis_behind else min(pace.gap * 2, QUIET)
    return Pace(gap), max(gap, -(-size * 1000 // _BYTES_A_SECOND))


def after_failure(pace: Pace, random: Random) -> tuple[Pace, int]:
    """The pace after a failed call and the wait in ms: full jitter, over the least gap."""
    jitter = full_jitter(FLOWING, LONGEST_BACKOFF, pace.failures, random)
    return Pace(FLOWING, pace.failures + 1), FLOWING + int(jitter)
