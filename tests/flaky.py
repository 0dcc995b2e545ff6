"""A way to an endpoint that fails as services do: before or after what they were asked for."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Event, Lock, Thread
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

Fate = Literal["500", "500 after", "timeout", "timeout after", "cut", "well"]
"""Answered 500, or not at all, before or after it was done; hung up on; or done and answered."""

_LONGEST_S: Final = 60.0
_HOP_BY_HOP: Final = frozenset(
    ("connection", "content-length", "date", "expect", "keep-alive", "server", "transfer-encoding")
)

Headers = list[tuple[str, str]]


class Rates(NamedTuple):
    """Shares of the requests that are answered 500, and not at all; half of them are done."""

    errors: float
    timeouts: float


class Told:
    """The fate of all requests is what it was last told."""

    def __init__(self) -> None:
        self.fate: Fate = "well"

    def __call__(self) -> Fate:
        return self.fate


class _Drawn:
    """Each request's fate is drawn by its own."""

    def __init__(self, rates: Rates, random: Random) -> None:
        self._rates = rates
        self._random = random

    def __call__(self) -> Fate:
        chance, after = self._random.random(), self._random.random() < 0.5
        if chance < self._rates.errors:
            return "500 after" if after else "500"
        if chance < self._rates.errors + self._rates.timeouts:
            return "timeout after" if after else "timeout"
        return "well"


class _Way(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target: str, draw: Callable[[], Fate]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target).netloc
        self.ended = Event()
        self.met: Counter[Fate] = Counter()
        self._draw = draw
        self._lock = Lock()

    def fate(self) -> Fate:
        with self._lock:
            return self._draw()

    def handle_error(self, _request: object, _client: object) -> None:
        """Say nothing: whoever asked may have been killed."""

    def has_met(self, fate: Fate) -> None:
        with self._lock:
            self.met[fate] += 1


class _Handler(BaseHTTPRequestHandler):
    server: _Way
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        fate = self.server.fate()
        status, headers, answer = 500, [("Content-Type", "application/json")], b"{}"
        if fate in ("well", "500 after", "timeout after"):
            done = self._forwarded(body)
            if fate == "well":
                status, headers, answer = done
        self.server.has_met(fate)
        if fate.startswith("timeout"):
            self.server.ended.wait(_LONGEST_S)
        if fate == "cut" or fate.startswith("timeout"):
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD" or fate != "well":
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _handle  # noqa: N815

    def _forwarded(self, body: bytes) -> tuple[int, Headers, bytes]:
        connection = http.client.HTTPConnection(self.server.target, timeout=_LONGEST_S)
        connection.request(self.command, self.path, body, dict(_kept(self.headers.items())))
        answer = connection.getresponse()
        data = answer.read()
        headers = _kept(answer.getheaders())
        if self.command == "HEAD":  # the length is the object's
            headers.append(("Content-Length", answer.getheader("Content-Length", "0")))
        connection.close()
        return answer.status, headers, data

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _kept(headers: list[tuple[str, str]]) -> Headers:
    return [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]


@contextmanager
def way_to(target: str, draw: Callable[[], Fate]) -> Iterator[tuple[str, Counter[Fate]]]:
    """An endpoint in front of ``target``, and which fates requests have met so far.

    ``draw``: called for each request, one at a time. A fate is met once what it lets through has
    been done.
    """
    server = _Way(target, draw)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.met
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def flaky(target: str, rates: Rates, seed: int) -> Iterator[tuple[str, Counter[Fate]]]:
    """A way to ``target`` on which fates are drawn at those ``rates``."""
    with way_to(target, _Drawn(rates, Random(seed))) as way:
        yield way
