"""One call's log, followed to its end: by pages up to its present end, then by stream. Shell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from worker.events.pinecall.cloud_event import PinecallEvent
from worker.pinecall.answers import object_of
from worker.pinecall.api import MOST_ENTRIES, Failure, LogPage, Sealed
from worker.pinecall.mapping.call_log import CallMapping
from worker.pinecall.mapping.values import instant_s
from worker.pinecall.notices import (
    CallFinished,
    CallGivenUp,
    EntriesRead,
    EntryDropped,
    FollowingLive,
    LogGap,
    RequestFailed,
)
from worker.pinecall.pacing import (
    END_WITHIN,
    SILENT_AT_MOST,
    Failures,
    is_hopeless,
    is_lost,
    retry_pause_s,
)
from worker.pinecall.routing import Route, Surroundings

_GAP: Final = "log.gap"
_CAUGHT_UP: Final = "log.caught_up"
_SCORE: Final = "call.score"


class _Over(Exception):
    """The log needs no further reading. ``given_up``: the reason, if its end was not reached."""

    def __init__(self, given_up: str | None = None) -> None:
        super().__init__(given_up)
        self.given_up = given_up


class Follower:
    """Follows one call. The mapping reads the log from its beginning; events that were put by the
    checkpoint are not put again. ``failing``: whether the log can't be read at present.
    """

    def __init__(self, around: Surroundings, call: str) -> None:
        self.failing = False
        self._around = around
        self._call = call
        self._mapping = CallMapping(around.account, call)
        self._read = 0
        self._heard = around.now()
        self._page_failures = Failures()
        self._stream_failures = Failures()
        self._hinted = 0
        self._scored = False
        self._route = Route(around, call)

    async def run(self) -> None:
        """Follow the log to its end."""
        try:
            while True:
                await self._read_pages()
                await self._stream()
        except _Over as over:
            await self._end(over.given_up)

    async def _end(self, given_up: str | None) -> None:
        await self._route.end()
        self._around.book.finish(self._call)
        if given_up is None:
            self._around.notify(CallFinished(self._call, self._mapping.skipped))
        else:
            self._around.notify(CallGivenUp(self._call, given_up))

    # by pages

    async def _read_pages(self) -> None:
        """Read up to the log's present end. Raises ``_Over`` once the log has ended."""
        around = self._around
        while True:
            before = self._read
            async with around.pages:  # not while waiting: others may be able to read theirs
                answer = await around.logs.page(self._call, before, MOST_ENTRIES)
                if isinstance(answer, LogPage):
                    self._answered(self._page_failures)
                    await self._take(answer.entries)
                    self._read = max(before, self._read, answer.read or 0)
            if isinstance(answer, Sealed):
                raise _Over
            if isinstance(answer, Failure):
                await self._failed(answer, self._page_failures)
            elif self._read == before:
                if self._scored or not answer.live or self._is_long_over():
                    raise _Over
                return

    # as it grows

    async def _stream(self) -> None:
        """Read until the connection ends, or until pages have to supply what a frame lacks. Raises
        ``_Over`` at the log's end.
        """
        failure: Failure | None = None
        async with aclosing(self._around.logs.stream(self._call, self._read)) as items:
            self._around.notify(FollowingLive(self._call))
            while (item := await self._next(items)) is not None:
                if isinstance(item, Failure):
                    failure = item
                    break
                if not await self._frame(item):
                    break
        if not self._scored:
            await self._failed(failure, self._stream_failures)

    async def _next(
        self, items: AsyncGenerator[bytes | Sealed | Failure]
    ) -> bytes | Failure | None:
        """Return the next item of a stream, None at its end. Only this wait is limited, so that no
        put of received entries is interrupted.
        """
        try:
            async with asyncio.timeout(self._left_s()):
                item = await anext(items, None)
        except TimeoutError:
            raise _Over from None
        if isinstance(item, Sealed):
            raise _Over
        return item

    async def _frame(self, frame: bytes) -> bool:
        """Handle a frame; return whether to continue with the stream."""
        entry = object_of(frame)
        kind = entry.get("type")
        if kind == _SCORE:
            self._scored = True
            return False
        if kind == _GAP:
            await self._fill_gap(entry.get("data"))
        elif kind != _CAUGHT_UP and instant_s(entry.get("ts")) is None:
            return self._hint(entry.get("seq"))
        elif kind != _CAUGHT_UP:
            await self._take([frame])
        self._answered(self._stream_failures)
        return True

    def _hint(self, seq: object) -> bool:
        """Handle an entry that the stream gives without its time; return whether pages have given
        the entry already. An entry that pages lack, too, counts as an answer only once.
        """
        if type(seq) is not int or seq <= self._read:
            return True
        if seq > self._hinted:
            self._hinted = seq
            self._answered(self._stream_failures)
        return False

    async def _fill_gap(self, bounds: object) -> None:
        """Read by pages the entries that a stream has left out, or note that they are lost."""
        around, failures = self._around, Failures()
        first, last = _bounds(bounds)
        after = max(self._read, first - 1)
        while after < last:
            answer = await around.logs.page(self._call, after, MOST_ENTRIES)
            if isinstance(answer, Failure):
                failures.add(answer)
                if is_lost(answer, failures.of_kind) or self._is_silent() or self._is_long_over():
                    around.notify(LogGap(self._call, read=False))
                    self._mapping.lost()
                    around.book.doubt(self._call)
                    return
                await self._wait(answer, failures)
                continue
            self._answered(failures)
            if isinstance(answer, Sealed) or (answer.read or 0) <= after:
                break
            await self._take(answer.entries)
            after = answer.read or last
        around.notify(LogGap(self._call, read=True))

    # entries

    async def _take(self, entries: list[bytes]) -> None:
        """Map entries and put their new events. Raises ``_Over`` after the log's last entry."""
        mapping, around = self._mapping, self._around
        known = set(mapping.dropped)
        scored = False
        events: list[PinecallEvent] = []
        for data in entries:
            entry = object_of(data)
            if entry.get("type") == _SCORE:
                scored = True
            else:
                events += mapping.read(entry)
        for name in mapping.dropped.keys() - known:
            around.notify(EntryDropped(name))
        if entries:
            self._heard = around.now()
            around.notify(EntriesRead(len(entries)))
        self._read = max(self._read, mapping.last_seq)
        await self._route.add(self._read, events)
        if scored or mapping.skipped is not None:
            raise _Over

    # failures and time

    def _answered(self, failures: Failures) -> None:
        failures.end()
        self.failing = False

    async def _failed(self, failure: Failure | None, failures: Failures) -> None:
        """Wait before the next attempt. Raises ``_Over`` if there is none."""
        failures.add(failure)
        if failure is not None and is_hopeless(failure, failures.of_kind):
            raise _Over(failure.detail)
        if self._is_long_over():
            raise _Over
        if self._is_silent():
            raise _Over("it has had no entry for a day")
        await self._wait(failure, failures)

    async def _wait(self, failure: Failure | None, failures: Failures) -> None:
        around = self._around
        wait_s = retry_pause_s(failures.in_a_row, failure, around.random)
        if failure is not None:
            self.failing = True
            around.notify(RequestFailed(self._call, failure, failures.in_a_row, wait_s))
        await around.sleep(wait_s)

    def _is_silent(self) -> bool:
        return self._around.now() - self._heard > SILENT_AT_MOST

    def _is_long_over(self) -> bool:
        return self._left_s() == 0

    def _left_s(self) -> float | None:
        """Return the seconds for which the log may still grow; None before the call's end."""
        ended = self._mapping.ended_at
        if ended is None:
            return None
        return max(0, END_WITHIN - (self._around.now() - ended)) / 1000


def _bounds(data: object) -> tuple[int, int]:
    """Return a gap's first and last sequence number; (1, 0) if the entry lacks them."""
    if not isinstance(data, dict):
        return 1, 0
    first, last = data.get("from_seq"), data.get("to_seq")
    return (first, last) if type(first) is int and type(last) is int else (1, 0)
