"""Queries of other threads to a partition, run by the service's thread between two turns. Shell.

Only the service's thread may read its partition. A thread that serves requests leaves a query here
and waits for its result; the service's loop waits for nobody, and runs at most ``MAX_WAITING``
queries a turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, NamedTuple, TypeVar

from worker.partition.partition import Partition
from worker.service.hooks import WorkerEvents

_T = TypeVar("_T")

MAX_WAITING: Final = 8
"""The greatest number of queries that wait at once."""


class QueryTimeout(Exception):
    """Too many queries wait, or the service has not run this one in time."""


class _Query(NamedTuple):
    run: Callable[[Partition], Any]
    result: Future[Any]


class PartitionQueries(WorkerEvents):
    """Queries that wait for the end of the loop's turn."""

    def __init__(self) -> None:
        self._waiting: deque[_Query] = deque()

    def result(self, run: Callable[[Partition], _T], timeout_s: float) -> _T:
        """Return what ``run`` returns; the service's thread calls it. It must take little time,
        and keep nothing of the partition that may change. Raises ``QueryTimeout`` after
        ``timeout_s`` seconds, and what ``run`` raises.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise QueryTimeout
        query = _Query(run, Future())
        self._waiting.append(query)
        try:
            result: _T = query.result.result(timeout_s)
        except TimeoutError:
            query.result.cancel()
            raise QueryTimeout from None
        return result

    def turn_ended(self, partition: Partition) -> None:
        """See ``WorkerEvents.turn_ended``."""
        for _ in range(min(MAX_WAITING, len(self._waiting))):
            query, result = self._waiting.popleft()
            if result.set_running_or_notify_cancel():
                try:
                    result.set_result(query(partition))
                except Exception as error:
                    result.set_exception(error)
