"""The worker's HTTP server, in a thread of its own: health, metrics and the page. Shell.

uvicorn speaks HTTP; `worker.telemetry.connections` bounds what clients can demand of it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from threading import Thread
from typing import Any, Final
from urllib.parse import parse_qsl

from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from worker.errors import Misconfigured
from worker.telemetry.connections import (
    REQUEST_BYTES,
    STATE_NAME,
    BoundedConnection,
    OpenConnections,
)
from worker.telemetry.http_answers import (
    HttpRequest,
    Prepared,
    answer_of,
    hosts_answered,
    prepared,
    refused,
)
from worker.telemetry.page import Page
from worker.telemetry.views import FAILED, ViewAt, Views

PAGE_PATH: Final = "/page"

_OTHER_NAMES: Final = ("/", "/index.html", f"{PAGE_PATH}/")
"""Paths that lead to the page, whose links are relative to its own."""

_BACKLOG: Final = 128
_ENDING_S: Final = 1
_QUERY_FIELDS: Final = 16
_TO_THE_PAGE: Final = Page(302, "text/plain; charset=utf-8", "", (("Location", PAGE_PATH),))

_Message = dict[str, Any]
_Send = Callable[[_Message], Awaitable[None]]
_Receive = Callable[[], Awaitable[_Message]]


class HttpServer:
    """Serves ``page_at(path, accept)``, which its thread calls, to GET and HEAD; ``accept``: the
    request's Accept header. ``views``: makes the answers at ``/page`` and below, to which ``/``
    leads; None serves nothing there. ``failed``: called with the path at which one of these raised,
    in the except clause.
    """

    def __init__(
        self,
        page_at: Callable[[str, str], Page],
        host: str,
        port: int,
        views: ViewAt | None = None,
        failed: Callable[[str], None] = lambda _path: None,
    ) -> None:
        """Listen; port 0 means any free port. Raises ``Misconfigured`` if that is impossible."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        except OSError as error:
            raise Misconfigured(
                f"health_port: can't listen on {host}, port {port}: {error.strerror}"
            ) from error
        self.port: Final[int] = self._socket.getsockname()[1]
        self._page_at = page_at
        self._failed = failed
        self._hosts = hosts_answered(host, socket.gethostname())
        self._views = None if views is None else Views(views, failed)
        self._open = OpenConnections()
        self._loop = asyncio.new_event_loop()
        self._server = Server(self._config())
        self._thread = Thread(target=self._run, name="health", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop listening, and wait up to ``timeout_s`` for the thread's end."""
        self._server.should_exit = True
        with suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._open.close)
        self._thread.join(timeout_s)

    def _config(self) -> Config:
        return Config(
            self._application,
            http=self._connection,  # type: ignore[arg-type]  # it makes protocols, as a class does
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=_BACKLOG,
            h11_max_incomplete_event_size=REQUEST_BYTES,
            timeout_graceful_shutdown=_ENDING_S,
        )

    def _connection(
        self,
        config: Config,
        server_state: ServerState,
        app_state: Mapping[str, Any],
        _loop: asyncio.AbstractEventLoop,
    ) -> asyncio.Protocol:
        def behind(state: Mapping[str, Any]) -> asyncio.Protocol:
            return H11Protocol(config, server_state, {**app_state, **state}, _loop)

        return BoundedConnection(behind, self._open)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._serve())
            finally:
                if self._views is not None:
                    self._views.close()

    async def _serve(self) -> None:
        await self._server.serve([self._socket])
        self._open.abort()
        await asyncio.sleep(0)  # the connections are lost during this turn of the loop

    async def _application(self, scope: Mapping[str, Any], _: _Receive, send: _Send) -> None:
        request = _request(scope)
        answer = answer_of(await self._prepared(request), request)
        connection: BoundedConnection = scope["state"][STATE_NAME]
        connection.answering(len(answer.body))
        headers = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _prepared(self, request: HttpRequest) -> Prepared:
        no = refused(request, self._hosts)
        if no is not None:
            return prepared(no)
        if self._views is not None:
            if request.path in _OTHER_NAMES:
                return prepared(_TO_THE_PAGE)
            if request.path == PAGE_PATH or request.path.startswith(f"{PAGE_PATH}/"):
                return await self._views.view(request.path, request.query)
        return self._page(request)

    def _page(self, request: HttpRequest) -> Prepared:
        try:
            return prepared(self._page_at(request.path, request.headers.get("accept", "")))
        except Exception:
            self._failed(request.path)
            return prepared(FAILED)


def _request(scope: Mapping[str, Any]) -> HttpRequest:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return HttpRequest(scope["method"], scope["path"], _query(scope["query_string"]), headers)


def _query(text: bytes) -> dict[str, str]:
    """Return a query string's fields, the last of each name; none if there are too many."""
    try:
        return dict(
            parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=_QUERY_FIELDS)
        )
    except ValueError:
        return {}
