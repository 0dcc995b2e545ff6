"""The pace of calls: when a shard may be called again, and what its answer may bring. Pure.

The stream allows 5 GetRecords per second and shard, and 2 MiB per second and shard; all readers of
the stream share both. An answer has at most 10,000 records and 10 MiB, and the reader never asks
for fewer. So how full answers are is decided by the wait before each call, which counts from the
last answer, so the server never sees calls closer together than that:

* A shard that is behind has its records waiting at the server. Waiting longer would not make its
  next answer fuller, only later, so the wait is the least that the limits allow: ``BEHIND``, or
  what the bytes of the last answer take at 2 MiB per second. A full answer of 10 MiB is followed
  by 5 s of rest, one of 1 MiB or less by half a second, which leaves three calls per second to
  other readers.
* A shard at its tip has only what arrived since the last answer. A call costs as much CPU time as
  some twenty records do from fetching to commit, so it waits ``AT_TIP`` while records come: up to
  1,000 records an answer at the most that a shard takes in. A shard that falls behind by more
  than this wait, because its answers come in fragments, counts as behind.
* Without records, the wait doubles up to ``QUIET``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from worker.backoff import full_jitter

BEHIND: Final = 500  # ms between an answer and the next call, at least
AT_TIP: Final = 1000  # ms, at the tip of a shard that gets records
QUIET: Final = 2000  # ms, the most, at the tip of a shard that gets none
LONGEST_BACKOFF: Final = 15_000  # ms

MOST_BYTES: Final = 10 << 20
"""The most bytes of data and partition keys in an answer."""

_READ_A_SECOND: Final = 2 << 20
_WRITTEN_A_SECOND: Final = 1 << 20

Random = Callable[[], float]
"""Uniform over [0, 1)."""


class Pace(NamedTuple):
    """``gap``: ms until the next call while all is well. ``failures``: consecutive ones, so far."""

    gap: int = BEHIND
    failures: int = 0


STEADY: Final = Pace()


def after_answer(pace: Pace, records: int, size: int, millis_behind: int) -> tuple[Pace, int]:
    """Return the pace after an answer of ``records`` records and ``size`` bytes, and the wait in
    ms.
    """
    if millis_behind > AT_TIP:
        gap = BEHIND
    elif records or millis_behind:
        gap = AT_TIP
    else:
        gap = min(pace.gap * 2, QUIET)
    return Pace(gap), max(gap, -(-size * 1000 // _READ_A_SECOND))


def after_failure(pace: Pace, random: Random) -> tuple[Pace, int]:
    """Return the pace after a failed call and the wait in ms: full jitter on top of the least
    gap.
    """
    jitter = full_jitter(BEHIND, LONGEST_BACKOFF, pace.failures, random)
    return Pace(BEHIND, pace.failures + 1), BEHIND + int(jitter)


def bytes_expected(millis_behind: int | None, since: int) -> int:
    """Return the most bytes that an answer can have, ``since`` ms after one that was
    ``millis_behind`` (None: there was none).

    A shard takes in 1 MiB per second, so that is what can lie between the last answer and now;
    where a stream admits larger bursts, it is an estimate.
    """
    if millis_behind is None:
        return MOST_BYTES
    return min(MOST_BYTES, (millis_behind + since) * _WRITTEN_A_SECOND // 1000)
