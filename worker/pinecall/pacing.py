"""How long the bridge waits, and when it is done with a call. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from worker.backoff import full_jitter
from worker.pinecall.api import Failure, FailureKind

_FIRST_S: Final = 1.0
_LONGEST_S: Final = 30.0
_LONGEST_ASKED_S: Final = 600.0
"""A service that asks for a longer wait is asked again after this one."""

END_WITHIN: Final = 600_000
"""So long (ms) after a call has ended its log may still grow; then it is read no further."""

SILENT_AT_MOST: Final = 86_400_000
"""A call without an entry for so long (ms) and without an end is given up."""

_TRIED: Final = {FailureKind.MISSING: 5, FailureKind.FORBIDDEN: 5, FailureKind.REFUSED: 5}
"""How often a call's log is asked for that the service says it won't give."""

_UNREADABLE_TRIED: Final = 5
"""How often entries that a stream has left out are asked for where the answer can't be read."""


def retry_pause_s(attempt: int, failure: Failure | None, random: Callable[[], float]) -> float:
    """Seconds before the next attempt after ``attempt`` (1 or more) in a row have failed.

    Full jitter, on top of what the service has asked for. ``failure``: None for a stream that
    ended without a word. ``random`` gives numbers from 0 up to, but not, 1.
    """
    asked_s = 0.0 if failure is None else min(failure.retry_after_s, _LONGEST_ASKED_S)
    return asked_s + full_jitter(_FIRST_S, _LONGEST_S, attempt - 1, random)


class Failures:
    """Failures of one kind of request. ``in_a_row``: since it was last answered; ``of_kind``: how
    many of these, up to the last, were of the same kind.
    """

    __slots__ = ("_kind", "in_a_row", "of_kind")

    def __init__(self) -> None:
        self.in_a_row = 0
        self.of_kind = 0
        self._kind: FailureKind | None = None

    def add(self, failure: Failure | None) -> None:
        """One more; None for a stream that ended without a word."""
        kind = None if failure is None else failure.kind
        self.in_a_row += 1
        self.of_kind = self.of_kind + 1 if kind is self._kind else 1
        self._kind = kind

    def end(self) -> None:
        """An answer has come."""
        self.in_a_row = self.of_kind = 0


def is_hopeless(failure: Failure, attempt: int) -> bool:
    """Whether a call's log that has given this answer so often in a row is given up."""
    return attempt >= _TRIED.get(failure.kind, attempt + 1)


def is_lost(failure: Failure, attempt: int) -> bool:
    """Whether entries that a stream has left out are lost, since asking for them has given this
    answer so often in a row. While the service is away or refuses the key they are not.
    """
    unreadable = failure.kind is FailureKind.UNREADABLE and attempt >= _UNREADABLE_TRIED
    return unreadable or is_hopeless(failure, attempt)


def too_old(event_at: int, now: int, expire_after: int) -> bool:
    """Whether the worker might no longer take an event as the first of its session; all in epoch
    ms and ms. A sixth of the time, an hour at most, is left for its way.
    """
    return event_at < now - expire_after + min(expire_after // 6, 3_600_000)


def horizon(now: int, listed: int | None, lookback: int, overlap: int) -> int:
    """Back to which begin (epoch ms) the list of calls is read: what had been read, with an
    overlap, or without anything read yet ``lookback`` ms.
    """
    return (now - lookback) if listed is None else min(listed, now) - overlap
