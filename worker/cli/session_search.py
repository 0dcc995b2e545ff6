"""The records of a session or call by its SID, from memory or state of the running worker."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from worker.cli.records_file import record_as_it_stands
from worker.events.event import SessionKey
from worker.partition.partition import Partition
from worker.service.queries import PartitionQueries, QueryTimeout
from worker.sessions.schema import SessionRecord
from worker.state.closed_session import decode_closed, encode_closed
from worker.state.view import StateView

_T = TypeVar("_T")

TIMEOUT_S: Final = 3.0
"""The time in which the service's thread has to run a query."""

MIN_PAUSE_S: Final = 1.0
"""The least time between two searches of the state."""

PAUSE_FACTOR: Final = 4
"""A pause is at least this many times as long as the search before it."""


class PacedSearch:
    """Searches of a state: one at a time, and with pauses between them. For one thread."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._search_at = monotonic()

    def search(self, find: Callable[[], list[_T]]) -> list[_T] | None:
        """Return what ``find`` returns; None without calling it if the pause isn't over."""
        began = self._monotonic()
        if began < self._search_at:
            return None
        try:
            return find()
        finally:
            ended = self._monotonic()
            self._search_at = ended + max(MIN_PAUSE_S, PAUSE_FACTOR * (ended - began))


class FleetSearch:
    """Finds sessions by SID in the states of a fleet's buckets, whoever holds them. For one thread.

    ``read``: reads the records of a session or call from the states.
    """

    def __init__(
        self, read: Callable[[str], list[SessionRecord]], monotonic: Callable[[], float]
    ) -> None:
        self._read = read
        self._paced = PacedSearch(monotonic)

    def __call__(self, sid: str) -> list[SessionRecord] | None:
        """Return the records of a session or call; None if the search must wait."""
        return self._paced.search(lambda: self._read(sid))


class SessionSearch:
    """Finds sessions by SID. For one thread, which is not the service's.

    Sessions in memory are read between two turns of the service's loop. The state is searched for
    closed sessions alone, one search at a time and with pauses between them however often SIDs are
    asked for: in a bucket, a search reads all closed sessions.
    """

    def __init__(
        self,
        queries: PartitionQueries,
        view: Callable[[], StateView],
        monotonic: Callable[[], float],
    ) -> None:
        self._queries = queries
        self._view = view
        self._paced = PacedSearch(monotonic)

    def __call__(self, sid: str) -> list[SessionRecord] | None:
        """Return the records of a session or call; None if the search must wait."""
        try:
            keys, contiguous = self._queries.result(_resident, TIMEOUT_S)
            meant = [key for key in keys if sid in (key.session_id, key.call_sid)]
            copies = self._queries.result(partial(_copies, meant), TIMEOUT_S)
        except QueryTimeout:
            return None
        closed = self._paced.search(lambda: self._view().find_closed_sessions(sid))
        if closed is None and not (copies and sid in {key.session_id for key in meant}):
            return None  # a call may have further sessions, which are closed
        found = [*(closed or ()), *map(decode_closed, copies)]
        unique = {one.state.key: one for one in found}
        return [record_as_it_stands(one, contiguous=contiguous) for one in unique.values()]


def _resident(partition: Partition) -> tuple[list[SessionKey], bool]:
    return partition.resident_keys(), partition.contiguous


def _copies(keys: list[SessionKey], partition: Partition) -> list[bytes]:
    """Copies of the sessions as bytes, since the originals go on changing."""
    found = [partition.find(key) for key in keys]
    return [encode_closed(one) for one in found if one is not None]
