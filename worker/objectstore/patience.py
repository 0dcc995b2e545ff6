"""Access to a bucket for commands: calls are retried for a while, and then given up. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from worker.errors import Unreachable
from worker.objectstore.api import ObjectStore
from worker.objectstore.retrying import Access, CallFailed

_LONGEST_WAIT_S: Final = 30.0


def patient_access(
    objects: ObjectStore, sleep: Callable[[float], object], random: Callable[[], float]
) -> Access:
    """Return access whose calls are retried until one has waited 30 s in all, and then raise
    ``Unreachable``.

    ``sleep`` takes seconds; ``random`` returns numbers in [0, 1).
    """
    patience = _Patience(objects.url, sleep)
    return Access(objects, patience.sleep, random, patience.failed)


class _Patience:
    def __init__(self, url: str, sleep: Callable[[float], object]) -> None:
        self._url = url
        self._sleep = sleep
        self._waited = 0.0
        self._why = ""

    def failed(self, failed: CallFailed) -> None:
        if failed.attempt == 1:
            self._waited = 0.0
        self._why = failed.failure.detail

    def sleep(self, seconds: float) -> None:
        self._waited += seconds
        if self._waited > _LONGEST_WAIT_S:
            raise Unreachable(f"{self._url} can't be reached: {self._why}")
        self._sleep(seconds)
