"""Whether the worker is alive: its loop has turned, or is known to wait, within a bound.

Lag, CloudWatch and the log have no say. Nor has the state's bucket: while it is away a commit
waits, and each wait counts as a sign of life; to start the worker anew would mend nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

_T = TypeVar("_T")

TURN_WITHIN_S: Final = 120.0
"""A turn may fold 64 MiB of records and make one commit."""

START_WITHIN_S: Final = 600.0
"""A start may restore a large state before the first turn."""


class Liveness:
    """The loop's, but any thread that waits for the bucket gives a sign: the loop may be waiting
    for what that one holds. Safe for threads.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._last = monotonic()
        self._within_s = START_WITHIN_S

    def alive(self) -> bool:
        """Whether there was a sign of life of late. For any thread."""
        return self.silent_s() <= self._within_s

    def silent_s(self) -> float:
        """For how long there has been none. For any thread."""
        return self._monotonic() - self._last

    def on_turn(self, ask: Callable[[], _T]) -> Callable[[], _T]:
        """``ask``, which the loop asks at each turn, as a sign of life."""

        def asked() -> _T:
            self._sign()
            self._within_s = TURN_WITHIN_S
            return ask()

        return asked

    def on_wait(self, sleep: Callable[[float], None]) -> Callable[[float], None]:
        """``sleep``, which waits for something out of reach, as a sign of life."""

        def slept(seconds: float) -> None:
            self._sign()
            sleep(seconds)
            self._sign()

        return slept

    def _sign(self) -> None:
        self._last = self._monotonic()
