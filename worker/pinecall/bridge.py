"""The bridge: finds calls, follows them, puts their events onto a stream, checkpoints. Shell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, NamedTuple

from worker.errors import VoiceInsightsError
from worker.pinecall.api import CallLogs
from worker.pinecall.checkpoint import ProgressBook, encode_checkpoint
from worker.pinecall.checkpoint_store import CheckpointStore
from worker.pinecall.discovery import Discovery, Ways
from worker.pinecall.following import Follower
from worker.pinecall.notices import CallGivenUp, Listener, Standing, Started
from worker.pinecall.putting import Putter
from worker.pinecall.routing import CallArchive, Surroundings

_TURN_S: Final = 0.2
_STANDING_EVERY: Final = 5  # turns
_PAGES_AT_ONCE: Final = 8


class BridgeLimits(NamedTuple):
    """``calls``: followed at once. ``expire_after`` and ``lookback``: ms. ``poll_s``: between two
    lists of calls. ``save_every_s``: between two checkpoints.
    """

    calls: int
    expire_after: int
    lookback: int
    poll_s: float
    save_every_s: float


class BridgeParts(NamedTuple):
    """The parts of a bridge. ``now``: epoch ms; ``random`` gives numbers in [0, 1). ``turn``:
    called several times a second; once it returns an instant of ``monotonic`` (s), the bridge ends,
    by that instant at the latest.
    """

    stream: str
    account: str
    logs: CallLogs
    book: ProgressBook
    store: CheckpointStore
    putter: Putter
    archive: CallArchive
    limits: BridgeLimits
    now: Callable[[], int]
    monotonic: Callable[[], float]
    random: Callable[[], float]
    turn: Callable[[], float | None]
    notify: Listener


class Bridge:
    """Runs until asked to end, or until something fails for good."""

    def __init__(self, parts: BridgeParts) -> None:
        self._parts = parts
        self._wake = asyncio.Event()
        self._saving = asyncio.Lock()
        self._following: dict[str, Follower] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        limits = parts.limits
        self._around = Surroundings(
            parts.account,
            parts.logs,
            parts.book,
            parts.putter,
            parts.archive,
            asyncio.Semaphore(_PAGES_AT_ONCE),
            limits.expire_after,
            parts.now,
            asyncio.sleep,
            parts.random,
            parts.notify,
        )
        self._discovery = Discovery(
            parts.logs,
            parts.book,
            Ways(
                limits.lookback,
                limits.poll_s,
                parts.now,
                asyncio.sleep,
                parts.random,
                parts.notify,
                self._wake.set,
            ),
        )

    async def run(self) -> None:
        """Bridge. Raises ``Misconfigured``, ``Fenced`` and the like for what ends it."""
        parts = self._parts
        parts.notify(Started(parts.stream, len(parts.book.unfinished())))
        self._wake.set()
        putting = asyncio.create_task(parts.putter.run())
        services = [
            putting,
            *map(asyncio.create_task, self._services()),
        ]
        try:
            await self._until_asked_to_end(services)
            await _cancelled([*services[1:], *self._tasks.values()])
            await self._finish_put(putting)
        finally:
            await _cancelled([*services, *self._tasks.values()])
        await self._save()

    def _services(self) -> list[Coroutine[Any, Any, None]]:
        return [
            self._discovery.run(),
            self._discovery.hints(),
            self._start_followers(),
            self._save_again_and_again(),
        ]

    async def _until_asked_to_end(self, services: list[asyncio.Task[None]]) -> None:
        turn = 0
        while self._parts.turn() is None:
            for task in services:
                if task.done():
                    task.result()
            if turn % _STANDING_EVERY == 0:
                self._parts.notify(self._standing())
            turn += 1
            await asyncio.sleep(_TURN_S)

    async def _finish_put(self, putting: asyncio.Task[None]) -> None:
        """Wait until the request under way is done, if there is time."""
        parts = self._parts
        parts.putter.end()
        while parts.putter.is_busy and not putting.done():
            until = parts.turn()
            if until is not None and parts.monotonic() >= until:
                return
            await asyncio.sleep(_TURN_S / 4)

    # calls

    async def _start_followers(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._raise_failures()
            for call in self._parts.book.unfinished():
                if len(self._tasks) >= self._parts.limits.calls:
                    break
                if call not in self._tasks:
                    self._following[call] = follower = Follower(self._around, call)
                    self._tasks[call] = asyncio.create_task(self._follow(call, follower))

    async def _follow(self, call: str, follower: Follower) -> None:
        """Follow one call. A failure caused by its data is noticed, and ends this call only."""
        try:
            await follower.run()
        except VoiceInsightsError:
            raise
        except Exception as error:
            self._parts.book.finish(call)
            self._parts.notify(CallGivenUp(call, f"a defect: {type(error).__name__}"))
        finally:
            del self._following[call]
            self._wake.set()

    def _raise_failures(self) -> None:
        for call, task in list(self._tasks.items()):
            if task.done():
                del self._tasks[call]
                if not task.cancelled():
                    task.result()

    # the checkpoint

    async def _save_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._parts.limits.save_every_s)
            if self._parts.book.changed:
                await self._save()

    async def _save(self) -> None:
        """Store the checkpoint; one save at a time, and each is completed even if cancelled."""
        async with self._saving:
            data = encode_checkpoint(self._parts.book.stored())
            saving = asyncio.create_task(asyncio.to_thread(self._parts.store.save, data))
            try:
                await asyncio.shield(saving)
            finally:
                await asyncio.wait([saving])

    def _standing(self) -> Standing:
        book = self._parts.book
        followed = len(self._following)
        return Standing(
            book.listed,
            followed,
            max(0, len(book.unfinished()) - followed),
            self._parts.putter.oldest(),
            sum(one.failing for one in self._following.values()),
        )


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
