"""The bridge's pauses, and when a call is over or given up. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from worker.backoff import full_jitter
from worker.pinecall.api import Failure, FailureKind

_FIRST_S: Final = 1.0
_LONGEST_S: Final = 30.0
_LONGEST_ASKED_S: Final = 600.0
"""The longest pause (s), even if the service asks for a longer one."""

END_WITHIN: Final = 600_000
"""How long (ms) a log may still grow after the call's end; then the bridge stops reading it."""

SILENT_AT_MOST: Final = 86_400_000
"""How long (ms) a call may go without an entry and without an end before it is given up."""

_TRIED: Final = {FailureKind.MISSING: 5, FailureKind.FORBIDDEN: 5, FailureKind.REFUSED: 5}
"""The number of refusals in a row, by kind, after which a call's log is given up."""

_UNREADABLE_TRIED: Final = 5
"""How often entries that a stream has left out are asked for where the answer can't be read."""


def retry_pause_s(attempt: int, failure: Failure | None, random: Callable[[], float]) -> float:
    """Return the pause (s) after the ``attempt``-th failure in a row, from 1.

    Full jitter, on top of the wait that the service asks for. ``failure``: None for a stream that
    ended without giving a reason. ``random`` gives numbers in [0, 1).
    """
    asked_s = 0.0 if failure is None else min(failure.retry_after_s, _LONGEST_ASKED_S)
    return asked_s + full_jitter(_FIRST_S, _LONGEST_S, attempt - 1, random)


class Failures:
    """Counts failures of one kind of request. ``in_a_row``: failures since the last answer;
    ``of_kind``: how many of the latest of them are of one kind.
    """

    __slots__ = ("_kind", "in_a_row", "of_kind")

    def __init__(self) -> None:
        self.in_a_row = 0
        self.of_kind = 0
        self._kind: FailureKind | None = None

    def add(self, failure: Failure | None) -> None:
        """Count a failure; None for a stream that ended without giving a reason."""
        kind = None if failure is None else failure.kind
        self.in_a_row += 1
        self.of_kind = self.of_kind + 1 if kind is self._kind else 1
        self._kind = kind

    def end(self) -> None:
        """Start over, since an answer has come."""
        self.in_a_row = self.of_kind = 0


def is_hopeless(failure: Failure, attempt: int) -> bool:
    """Whether a call's log is given up after ``attempt`` failures of this kind in a row."""
    return attempt >= _TRIED.get(failure.kind, attempt + 1)


def is_lost(failure: Failure, attempt: int) -> bool:
    """Whether entries that a stream has left out are lost, since asking for them has given this
    answer so often in a row. While the service is away or refuses the key they are not.
    """
    unreadable = failure.kind is FailureKind.UNREADABLE and attempt >= _UNREADABLE_TRIED
    return unreadable or is_hopeless(failure, attempt)


def too_old(event_at: int, now: int, expire_after: int) -> bool:
    """Whether an event may reach the worker too late to be the first of its session. Instants in
    epoch ms, ``expire_after`` in ms; a sixth of it, at most an hour, is reserved for the transport.
    """
    return event_at < now - expire_after + min(expire_after // 6, 3_600_000)


def horizon(now: int, listed: int | None, lookback: int, overlap: int) -> int:
    """Return the earliest start (epoch ms) of a call to which the list is read back: ``overlap`` ms
    before the last reading or, before the first one, ``lookback`` ms ago.
    """
    return (now - lookback) if listed is None else min(listed, now) - overlap
