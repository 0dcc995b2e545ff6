"""A way to an endpoint that fails as services do: before or after what they were asked for."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Event, Lock, Thread
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

Fate = Literal["500", "500 after", "timeout", "timeout after", "well"]
_LONGEST_S: Final = 60.0


class Rates(NamedTuple):
    """Shares of the requests that are answered 500, and not at all; half of them are done."""

    errors: float
    timeouts: float


class _Flaky(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target: str, rates: Rates, random: Random) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target).netloc
        self.ended = Event()
        self.fates: Counter[Fate] = Counter()
        self._rates = rates
        self._random = random
        self._lock = Lock()

    def fate(self) -> Fate:
        with self._lock:
            fate = self._drawn()
            self.fates[fate] += 1
        return fate

    def _drawn(self) -> Fate:
        chance, after = self._random.random(), self._random.random() < 0.5
        if chance < self._rates.errors:
            return "500 after" if after else "500"
        if chance < self._rates.errors + self._rates.timeouts:
            return "timeout after" if after else "timeout"
        return "well"


class _Handler(BaseHTTPRequestHandler):
    server: _Flaky
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fate = self.server.fate()
        status, headers, answer = 500, [("Content-Type", "application/json")], b"{}"
        if fate in ("well", "500 after", "timeout after"):
            done = self._forwarded(body)
            if fate == "well":
                status, headers, answer = done
        if fate.startswith("timeout"):
            self.server.ended.wait(_LONGEST_S)
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _forwarded(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.server.target, timeout=_LONGEST_S)
        connection.request("POST", self.path, body, dict(self.headers))
        answer = connection.getresponse()
        kept = ("content-type", "x-amzn-requestid", "x-amzn-query-error", "smithy-protocol")
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() in kept]
        data = answer.read()
        connection.close()
        return answer.status, headers, data

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def flaky(target: str, rates: Rates, seed: int) -> Iterator[tuple[str, Counter[Fate]]]:
    """An endpoint in front of ``target``, and what became of the requests so far."""
    server = _Flaky(target, rates, Random(seed))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.fates
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
