"""Discovery of calls: the list, polled, and hints of calls that have just begun. Shell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Final, NamedTuple

from worker.errors import Misconfigured
from worker.pinecall.answers import is_call_id, object_of
from worker.pinecall.api import CallLogs, CallsPage, Failure, FailureKind, Sealed
from worker.pinecall.checkpoint import ProgressBook
from worker.pinecall.notices import Listener, ListRead, RequestFailed
from worker.pinecall.pacing import horizon, retry_pause_s

LIST: Final = "the list of calls"
FLOOR: Final = "the floor"

OVERLAP: Final = 900_000
"""How far (ms) each reading of the list overlaps with the one before."""

_BEGINNINGS: Final = frozenset({"call.ringing", "call.dialing", "call.started"})
_OPERATORS: Final = frozenset({FailureKind.BAD_KEY, FailureKind.FORBIDDEN, FailureKind.REFUSED})


class Ways(NamedTuple):
    """``lookback``: ms, how far back the first list is read. ``poll_s``: between two lists.
    ``now``: epoch ms; ``sleep``: seconds; ``random`` gives numbers in [0, 1). ``found``: called
    whenever the book may have new calls.
    """

    lookback: int
    poll_s: float
    now: Callable[[], int]
    sleep: Callable[[float], Awaitable[None]]
    random: Callable[[], float]
    notify: Listener
    found: Callable[[], object]


class Discovery:
    """Notes calls in the book."""

    def __init__(self, logs: CallLogs, book: ProgressBook, ways: Ways) -> None:
        self._logs = logs
        self._book = book
        self._ways = ways
        self._answered = False

    async def run(self) -> None:
        """Poll the list. Raises ``Misconfigured`` if the service refuses the key or the request
        before it has ever answered; later refusals are retried, as an operator may repair the key.
        """
        while True:
            await self.read_list()
            await self._ways.sleep(self._ways.poll_s)

    async def read_list(self) -> None:
        """Read the list once, back to the calls that an earlier reading has listed."""
        asked = self._ways.now()
        back_to = horizon(asked, self._book.listed, self._ways.lookback, OVERLAP)
        before: str | None = None
        asked_for: set[str | None] = set()
        calls = found = 0
        while before not in asked_for:
            asked_for.add(before)
            page = await self._page(before)
            calls += len(page.calls)
            found += self._note(page, back_to, asked)
            oldest = page.calls[-1].started if page.calls else None
            if page.following is None or (oldest is not None and oldest < back_to):
                break
            before = page.following
        self._book.list_read(asked, back_to - OVERLAP)
        self._ways.notify(ListRead(calls, found))
        self._ways.found()

    async def hints(self) -> None:
        """Note calls as they begin. Hints only save time: failures are retried, and the list names
        all calls in any case.
        """
        attempt = 0
        while True:
            failure: Failure | None = None
            async with aclosing(self._logs.floor()) as items:
                async for item in items:
                    if isinstance(item, Failure | Sealed):
                        failure = item if isinstance(item, Failure) else None
                        break
                    attempt = 0
                    self._hint(item)
            attempt += 1
            wait_s = retry_pause_s(attempt, failure, self._ways.random)
            if failure is not None:
                self._ways.notify(RequestFailed(FLOOR, failure, attempt, wait_s))
            await self._ways.sleep(wait_s)

    async def _page(self, before: str | None) -> CallsPage:
        attempt = 0
        while True:
            answer = await self._logs.calls(before)
            if isinstance(answer, CallsPage):
                self._answered = True
                return answer
            if not self._answered and answer.kind in _OPERATORS:
                raise Misconfigured(
                    f"Pinecall doesn't give the list of calls: {answer.detail}; check the key and "
                    "its scope, pinecall_url and pinecall_env"
                )
            attempt += 1
            wait_s = retry_pause_s(attempt, answer, self._ways.random)
            self._ways.notify(RequestFailed(LIST, answer, attempt, wait_s))
            await self._ways.sleep(wait_s)

    def _note(self, page: CallsPage, back_to: int, asked: int) -> int:
        """Note a page's calls; return how many are new. A call that has not begun is noted only
        while it is live.
        """
        found = 0
        for row in page.calls:
            started = asked if row.started is None and row.live else row.started
            if started is not None and started >= back_to:
                found += self._book.find(row.call, started)
        return found

    def _hint(self, data: bytes) -> None:
        entry = object_of(data)
        call = entry.get("call")
        if entry.get("type") in _BEGINNINGS and isinstance(call, str) and is_call_id(call):
            self._book.find(call, self._ways.now())
            self._ways.found()
