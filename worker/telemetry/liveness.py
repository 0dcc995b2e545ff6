"""Liveness: whether the worker's loop has turned, or is known to be waiting, within a bound.

Lag, CloudWatch and the log don't matter. Nor does the state's bucket: while it is unreachable a
commit waits, and each wait is a sign of life, because a restart would not help.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

_T = TypeVar("_T")

TURN_WITHIN_S: Final = 120.0
"""A turn may fold some 20 MiB of records, aggregates perhaps, and make one commit."""

START_WITHIN_S: Final = 600.0
"""A start may restore a large state before the first turn."""


class SignsOfLife(Protocol):
    """Reports whether there were signs of life in time. For any thread."""

    def alive(self) -> bool:
        """Whether there was a sign of life within the bound."""
        ...

    def silent_s(self) -> float:
        """Seconds since the last sign of life."""
        ...


class Liveness:
    """The signs of life of the worker's loop. Any thread that waits for the bucket gives one, too,
    because the loop may be waiting for that thread. Safe for threads.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._last = monotonic()
        self._within_s = START_WITHIN_S

    def alive(self) -> bool:
        """Whether there was a sign of life within the bound. For any thread."""
        return self.silent_s() <= self._within_s

    def silent_s(self) -> float:
        """Seconds since the last sign of life. For any thread."""
        return self._monotonic() - self._last

    def on_turn(self, ask: Callable[[], _T]) -> Callable[[], _T]:
        """Wrap ``ask``, which the loop calls at each turn, to give a sign of life."""

        def asked() -> _T:
            self._sign()
            self._within_s = TURN_WITHIN_S
            return ask()

        return asked

    def on_wait(self, sleep: Callable[[float], None]) -> Callable[[float], None]:
        """Wrap ``sleep``, which waits for an unreachable service, to give signs of life."""

        def slept(seconds: float) -> None:
            self._sign()
            sleep(seconds)
            self._sign()

        return slept

    def _sign(self) -> None:
        self._last = self._monotonic()
