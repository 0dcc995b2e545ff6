"""The client over real connections: bounded, without redirects, and silent about the key."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.pinecall.bridges import past_account, stub
from worker.pinecall.api import CallsPage, Failure, FailureKind, LogPage, Sealed
from worker.pinecall.http import HttpCallLogs, http_call_logs
from worker.testing.pinecall_server import KEY

Handle = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def _serving(handle: Handle) -> Iterator[tuple[str, list[dict[str, str]]]]:
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
            handle(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()


def _asking(url: str, ask: Callable[[HttpCallLogs], Any], env: str | None = None) -> Any:
    async def run() -> Any:
        async with http_call_logs(url, KEY, env) as logs:
            return await ask(logs)

    return asyncio.run(run())


async def _all(logs: HttpCallLogs, call: str, after: int = 0) -> list[Any]:
    async with aclosing(logs.stream(call, after)) as items:
        return [item async for item in items]


def _answer(status: int, body: bytes = b"", **headers: str) -> Handle:
    def handle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return handle


def test_lists_pages_and_streams_are_read() -> None:
    account = past_account(2)
    call = next(iter(account.calls))
    last = account.calls[call].entries[-1]["seq"]
    with stub(account) as url:
        listed = _asking(url, lambda logs: logs.calls(None))
        assert isinstance(listed, CallsPage)
        assert {row.call for row in listed.calls} == set(account.calls)
        page = _asking(url, lambda logs: logs.page(call, 0, 500))
        assert isinstance(page, LogPage)
        assert page.read == last
        assert _asking(url, lambda logs: logs.page(call, last, 500)) == Sealed()
        assert _asking(url, lambda logs: _all(logs, call, last)) == [Sealed()]
        assert len(_asking(url, lambda logs: _all(logs, call))) > 3


def test_the_key_the_world_and_the_place_to_go_on_from_are_headers() -> None:
    with _serving(_answer(204)) as (url, asked):
        _asking(url, lambda logs: _all(logs, "c/d", 7), "sandbox")
    (one,) = asked
    assert one["authorization"] == f"Bearer {KEY}"
    assert one["pinecall-env"] == "sandbox"
    assert one["last-event-id"] == "7"
    assert one["path"].startswith("/v1/calls/c%2Fd/events?types=call.started")
    assert KEY not in one["path"]


@pytest.mark.parametrize("status", [302, 401, 403, 404, 429, 500])
def test_an_answer_without_a_log_is_a_failure_that_quotes_nothing(status: int) -> None:
    handle = _answer(status, b"secret body", Retry_After="3", Location="http://127.0.0.1:1/")
    with _serving(handle) as (url, asked):
        pages = _asking(url, lambda logs: logs.page("c", 0, 1))
        (frame,) = _asking(url, lambda logs: _all(logs, "c"))
    assert len(asked) == 2
    for found in (pages, frame):
        assert isinstance(found, Failure)
        assert str(status) in found.detail
        assert "secret" not in found.detail
        assert found.retry_after_s == 3


def test_what_is_no_stream_of_events_is_a_failure() -> None:
    with _serving(_answer(200, b"<html>", Content_Type="text/html")) as (url, _):
        (found,) = _asking(url, lambda logs: _all(logs, "c"))
        listed = _asking(url, lambda logs: logs.calls(None))
    assert isinstance(found, Failure)
    assert isinstance(listed, Failure)
    assert listed.detail == "what answers is not Pinecall"


def test_a_stream_that_breaks_off_ends_with_a_failure_behind_what_came() -> None:
    def handle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Content-Length", "10000")
        handler.end_headers()
        handler.wfile.write(b'id: 1\ndata: {"seq": 1, "type": "x"}\n\n')

    with _serving(handle) as (url, _):
        first, last = _asking(url, lambda logs: _all(logs, "c"))
    assert first == b'{"seq": 1, "type": "x"}'
    assert isinstance(last, Failure)
    assert last.kind is FailureKind.AWAY


def test_a_frame_without_end_is_broken_off() -> None:
    def handle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        try:
            for _ in range(64):
                handler.wfile.write(b"data: " + b"x" * (1 << 20))
        except ConnectionError:
            return

    with _serving(handle) as (url, _):
        (found,) = _asking(url, lambda logs: _all(logs, "c"))
    assert isinstance(found, Failure)


def test_an_answer_without_end_is_broken_off() -> None:
    def handle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(64):
                handler.wfile.write(b"x" * (1 << 20))
        except ConnectionError:
            return

    with _serving(handle) as (url, _):
        found = _asking(url, lambda logs: logs.calls(None))
    assert found == Failure(FailureKind.UNREADABLE, "the answer is too large")


def test_nobody_there_is_no_connection() -> None:
    found = _asking("http://127.0.0.1:1", lambda logs: logs.calls(None))
    assert found == Failure(FailureKind.AWAY, "no connection")
