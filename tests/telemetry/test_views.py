"""Views of the page: made once for all who ask, one at a time, and so many at most."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Coroutine, Mapping
from threading import Event, current_thread
from typing import Any, TypeVar

import pytest

from tests.processes import LONGEST_S, ROOT, environment
from worker.telemetry.page import TEXT, Page
from worker.telemetry.views import WAITING, Views

_T = TypeVar("_T")


HANGING = """
import socket, threading
from worker.telemetry.http import HttpServer
from worker.telemetry.page import TEXT, Page
begun = threading.Event()
def view(path, query):
    begun.set()
    threading.Event().wait()
server = HttpServer(lambda path, accept: Page(200, TEXT, "ok"), "127.0.0.1", 0, view)
server.start()
client = socket.create_connection(("127.0.0.1", server.port))
client.sendall(b"GET /page HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
begun.wait()
server.stop(60)
"""


class Making:
    """Makes views when it is let; notes what it was asked for."""

    def __init__(self, *, let: bool = True) -> None:
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.threads: set[str] = set()
        self.let = Event()
        if let:
            self.let.set()

    def __call__(self, path: str, query: Mapping[str, str]) -> Page:
        assert self.let.wait(LONGEST_S)
        self.asked.append((path, query))
        self.threads.add(current_thread().name)
        if path == "/page/broken":
            raise LookupError(path)
        return Page(404 if path == "/page/none" else 200, TEXT, f"{path} {sorted(query)}\n")


def run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(asyncio.wait_for(work, LONGEST_S))


def test_whoever_asks_for_the_same_view_shares_it() -> None:
    making = Making()

    async def twenty() -> None:
        views = Views(making, lambda _: None)
        asked = [views.view("/page/data/fleet.json", {"minutes": "60"}) for _ in range(20)]
        answers = await asyncio.gather(*asked)
        assert {one.page.text for one in answers} == {"/page/data/fleet.json ['minutes']\n"}
        await views.view("/page/data/fleet.json", {"minutes": "60"})
        await views.view("/page/data/fleet.json", {"minutes": "5"})

    run(twenty())
    assert [query for _, query in making.asked] == [{"minutes": "60"}, {"minutes": "5"}]
    assert making.threads == {"views"}


def test_what_is_not_there_is_asked_for_anew() -> None:
    making = Making()

    async def twice() -> None:
        views = Views(making, lambda _: None)
        for _ in range(2):
            assert (await views.view("/page/none", {})).page.status == 404

    run(twice())
    assert len(making.asked) == 2


def test_a_view_that_fails_is_told_and_the_next_is_made() -> None:
    failed: list[str] = []

    async def both() -> tuple[int, int]:
        views = Views(Making(), failed.append)
        broken = await views.view("/page/broken", {})
        return broken.page.status, (await views.view("/page/x", {})).page.status

    assert run(both()) == (500, 200)
    assert failed == ["/page/broken"]


def test_more_than_may_wait_are_told_to_come_again() -> None:
    making = Making(let=False)

    async def many() -> list[int]:
        views = Views(making, lambda _: None)
        asked = [asyncio.ensure_future(views.view(f"/page/{n}", {})) for n in range(WAITING)]
        await asyncio.sleep(0)
        refused = await views.view("/page/more", {})
        making.let.set()
        return [refused.page.status, *[one.page.status for one in await asyncio.gather(*asked)]]

    assert run(many()) == [503, *[200] * WAITING]


def test_one_that_goes_away_takes_the_view_from_nobody() -> None:
    making = Making(let=False)

    async def two() -> int:
        views = Views(making, lambda _: None)
        gone = asyncio.ensure_future(views.view("/page/x", {}))
        stays = asyncio.ensure_future(views.view("/page/x", {}))
        await asyncio.sleep(0)
        gone.cancel()
        making.let.set()
        return (await stays).page.status

    assert run(two()) == 200


@pytest.mark.slow
def test_one_that_never_comes_does_not_keep_the_process_from_ending() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HANGING], cwd=ROOT, env=environment(), timeout=LONGEST_S, check=False
    )
    assert ended.returncode == 0
