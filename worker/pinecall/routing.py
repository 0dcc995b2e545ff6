"""The route of a call's events: onto the stream, or into an archive. Shell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from worker.events.pinecall.cloud_event import PinecallEvent
from worker.pinecall.api import CallLogs
from worker.pinecall.checkpoint import ProgressBook
from worker.pinecall.notices import CallExpired, Listener
from worker.pinecall.pacing import too_old
from worker.pinecall.records import record_of
from worker.stream.record import Record


class Puts(Protocol):
    """Puts records onto a stream."""

    async def put(self, records: list[Record], then: Callable[[], object]) -> None:
        """Return once all records are on the stream and ``then`` was called."""
        ...


class CallArchive(Protocol):
    """Keeps the events of calls that are too old for the stream."""

    async def keep(self, call: str, records: list[Record]) -> str:
        """Keep a call's events, instead of those kept before; return their location."""
        ...


class Surroundings(NamedTuple):
    """The parts that all followers share. ``pages``: limits how many read pages at once. ``now``:
    epoch ms; ``sleep``: seconds; ``random`` gives numbers in [0, 1). ``expire_after``: ms.
    """

    account: str
    logs: CallLogs
    book: ProgressBook
    puts: Puts
    archive: CallArchive
    pages: asyncio.Semaphore
    expire_after: int
    now: Callable[[], int]
    sleep: Callable[[float], Awaitable[None]]
    random: Callable[[], float]
    notify: Listener


class Route:
    """Routes a call's events: onto the stream or, if the first one that isn't there yet is too old
    for the worker, all of them into the archive.
    """

    def __init__(self, around: Surroundings, call: str) -> None:
        self._around = around
        self._call = call
        self._kept: list[Record] = []
        self._decided = False
        self._archived = False

    async def add(self, read: int, events: list[PinecallEvent]) -> None:
        """Put the events of entries up to sequence number ``read``, in order, or keep them for the
        archive. Returns once that is done.
        """
        around = self._around
        put = around.book[self._call].put
        records = [record_of(event) for event in events]
        fresh = [
            (event.sequence_number, record)
            for event, record in zip(events, records, strict=True)
            if put is None or event.sequence_number > put
        ]
        if fresh and not self._decided:
            self._decided = True
            oldest = min(record.arrival for _, record in fresh)
            self._archived = too_old(oldest, around.now(), around.expire_after)
            if not self._archived:
                self._kept = []
        if self._archived or not self._decided:
            self._kept += records
        if self._archived:
            return
        last = max((number for number, _ in fresh), default=put)
        await around.puts.put(
            [record for _, record in fresh],
            lambda: around.book.advance(self._call, read, last),
        )

    async def end(self) -> None:
        """End the route, since no more events follow."""
        if self._archived:
            place = await self._around.archive.keep(self._call, self._kept)
            self._around.notify(CallExpired(self._call, place, len(self._kept)))
