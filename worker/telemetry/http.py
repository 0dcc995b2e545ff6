"""A small HTTP server in a thread of its own, for pages of text. Shell.

Whoever can reach the port may ask, so the work is bounded: so many connections, of which the
oldest gives way to a new one; one request each, of so many bytes; and so much time for all of it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from threading import Thread
from typing import Final

from worker.errors import Misconfigured
from worker.telemetry.pages import TEXT, Page

CONNECTIONS: Final = 32
REQUEST_BYTES: Final = 8192
WITHIN_S: Final = 2.0

_END_OF_HEAD: Final = b"\r\n\r\n"
_METHODS: Final = ("GET", "HEAD")
_ALLOW: Final = f"Allow: {', '.join(_METHODS)}\r\n"


class HttpServer:
    """Serves ``page_at(path, accept)``, which its thread calls, to GET and HEAD; ``accept``: what
    the request says of the kinds of answer that it takes.
    """

    def __init__(self, page_at: Callable[[str, str], Page], host: str, port: int) -> None:
        """Listen; port 0 is any that is free. Raises ``Misconfigured`` if that can't be done."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=CONNECTIONS)
        except OSError as error:
            raise Misconfigured(
                f"health_port: can't listen on {host}, port {port}: {error.strerror}"
            ) from error
        self.port: Final[int] = self._socket.getsockname()[1]
        self._page_at = page_at
        self._conversations: dict[asyncio.Task[None], None] = {}
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = Thread(target=self._run, name="health", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Listen no more and let the thread end, for which ``timeout_s`` are waited."""
        with suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        async with await asyncio.start_server(self._accept, sock=self._socket, limit=REQUEST_BYTES):
            await self._stopping.wait()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while len(self._conversations) >= CONNECTIONS:
            oldest = next(iter(self._conversations))
            del self._conversations[oldest]
            oldest.cancel()
        task = self._loop.create_task(self._converse(reader, writer))
        self._conversations[task] = None

        def end(ended: asyncio.Task[None]) -> None:  # which may have been cancelled unbegun
            self._conversations.pop(ended, None)
            writer.transport.abort()

        task.add_done_callback(end)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(TimeoutError, asyncio.IncompleteReadError, OSError):
            async with asyncio.timeout(WITHIN_S):
                writer.write(self._answer(await _head(reader)))
                await writer.drain()
                writer.close()
                await writer.wait_closed()

    def _answer(self, head: bytes | None) -> bytes:
        if head is None:
            return _response(Page(431, TEXT, "too long\n"), with_body=True)
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _response(Page(400, TEXT, "no HTTP/1 request\n"), with_body=True)
        if words[0] not in _METHODS:
            return _response(Page(405, TEXT, "GET only\n"), with_body=True, headers=_ALLOW)
        page = self._page_at(words[1].partition("?")[0], _accept(head))
        return _response(page, with_body=words[0] == "GET")


def _accept(head: bytes) -> str:
    headers = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    found = [value for name, _, value in headers if name.strip().lower() == b"accept"]
    return b",".join(found).decode("latin-1")


async def _head(reader: asyncio.StreamReader) -> bytes | None:
    """A request's line and headers; None if they are too long."""
    try:
        return await reader.readuntil(_END_OF_HEAD)
    except asyncio.LimitOverrunError:
        return None


def _response(page: Page, *, with_body: bool, headers: str = "") -> bytes:
    """An answer; ``headers``: further ones, each with its line's end."""
    body = page.text.encode()
    head = (
        f"HTTP/1.1 {page.status} {HTTPStatus(page.status).phrase}\r\n"
        f"Content-Type: {page.content_type}\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"{headers}"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + (body if with_body else b"")
