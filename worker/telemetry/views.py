"""The page's views, made in a thread of their own, one at a time. Shell.

A view takes tens of ms, or waits for a bucket; neither health nor the worker's loop may wait for
it, and a view that never ends doesn't keep the process from ending. Requests for the same view
within two seconds share it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import Final

from worker.telemetry.http_answers import Prepared, prepared
from worker.telemetry.page import TEXT, Page

ViewAt = Callable[[str, Mapping[str, str]], Page]
"""Makes the answer at a path, for the fields of a query."""

WAITING: Final = 8
"""The most views requested at a time, of which all but one wait."""

SHARED_S: Final = 2.0
_SHARED: Final = 16
_OK: Final = 200
_BUSY: Final = Page(503, TEXT, "busy: ask again\n", (("Retry-After", "1"),))
FAILED: Final = Page(500, TEXT, "this can't be made; the worker's log says why\n")

_Key = tuple[str, tuple[tuple[str, str], ...]]
_Job = tuple[_Key, asyncio.Future[Prepared]]


class Views:
    """Makes views by ``view_at``, which a thread of its own calls. For one event loop.

    ``failed`` gets the path of a view whose making raised, in the except clause.
    """

    def __init__(self, view_at: ViewAt, failed: Callable[[str], None]) -> None:
        self._view_at = view_at
        self._failed = failed
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        self._making: dict[_Key, asyncio.Future[Prepared]] = {}
        self._made: dict[_Key, tuple[float, Prepared]] = {}
        Thread(target=self._run, name="views", daemon=True).start()

    async def view(self, path: str, query: Mapping[str, str]) -> Prepared:
        """Return the view at the path, made within the last two seconds."""
        key = (path, tuple(sorted(query.items())))
        known = self._made.get(key)
        if known is not None and monotonic() < known[0]:
            return known[1]
        making = self._making.get(key)
        if making is None:
            if len(self._making) >= WAITING:
                return prepared(_BUSY)
            making = asyncio.get_running_loop().create_future()
            self._making[key] = making
            self._jobs.put((key, making))
        return await asyncio.shield(making)

    def close(self) -> None:
        """Drop the views that still wait."""
        self._closed = True
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None and not self._closed:
            key, making = job
            made = self._make(key)
            with suppress(RuntimeError):  # the loop has ended meanwhile
                making.get_loop().call_soon_threadsafe(self._keep, key, making, made)

    def _make(self, key: _Key) -> Prepared:
        path, query = key
        try:
            return prepared(self._view_at(path, dict(query)))
        except Exception:
            self._failed(path)
            return prepared(FAILED)

    def _keep(self, key: _Key, making: asyncio.Future[Prepared], made: Prepared) -> None:
        del self._making[key]
        if not making.done():
            making.set_result(made)
        if made.page.status == _OK:
            self._made.pop(key, None)
            while len(self._made) >= _SHARED:
                del self._made[next(iter(self._made))]
            self._made[key] = (monotonic() + SHARED_S, made)
