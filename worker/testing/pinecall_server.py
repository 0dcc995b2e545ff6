"""A stub of Pinecall's interface of call logs on loopback, with faults as an account has them.

Run as a module it serves simulated calls as they would happen, until it is asked to end.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from worker.testing.habits import Habits
from worker.testing.pinecall_account import StubAccount, account_of
from worker.testing.pinecall_call import CallLogEntry, pinecall_call

KEY: Final = "pc_test_not-a-secret"

_LOOK_EVERY_S: Final = 0.02
_PING_EVERY_S: Final = 1.0
_GAP_OF: Final = 3


@contextmanager
def pinecall_server(account: StubAccount, port: int = 0) -> Iterator[str]:
    """The address of a server of ``account`` at a port of 127.0.0.1, up in the block; port 0 is
    any that is free.
    """

    class Handler(_Handler):
        served = account

    with _Server(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    """Streams may be open as it ends."""

    block_on_close = False
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    served: StubAccount
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        account = self.served
        account.note(parts.path)
        if account.happens(account.faults.unanswered):
            self.close_connection = True
            return
        if (refused := self._refused()) is not None:
            self._send(refused, {"detail": "no"})
            return
        with suppress(ConnectionError):
            self._answer(parts.path, query)

    def _refused(self) -> int | None:
        account = self.served
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            return 401
        if account.status is not None:
            return account.status
        if account.happens(account.faults.throttled):
            return 429
        return 503 if account.happens(account.faults.out_of_order) else None

    def _answer(self, path: str, query: dict[str, str]) -> None:
        names = path.split("/")
        if path == "/v1/sessions":
            self._send(200, self._list(query))
        elif path == "/v1/events":
            self._stream_floor()
        elif len(names) == 5 and names[1:3] == ["v1", "calls"] and names[4] == "events":
            self._log(unquote(names[3]), query)
        else:
            self._send(404, {"detail": "no such door"})

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        rows = self.served.rows()
        names = [row["call"] for row in rows]
        before = query.get("before")
        start = names.index(before) + 1 if before in names else 0
        limit = int(query.get("limit", "20"))
        page = rows[start : start + limit]
        more = len(rows) > start + limit
        return {"calls": page, "total": len(rows), "next": page[-1]["call"] if more else None}

    def _log(self, call: str, query: dict[str, str]) -> None:
        account = self.served
        if call not in account.calls or call in account.missing:
            self._send(404, {"detail": "no such call"})
            return
        after = max(int(query.get("after", "0")), int(self.headers.get("Last-Event-ID") or 0))
        if account.is_sealed(call) and after >= account.last(call):
            self._head(204, {"Content-Length": "0"})
        elif "text/event-stream" in (self.headers.get("Accept") or ""):
            self._stream(call, after, query)
        else:
            self._page(call, after, query)

    def _page(self, call: str, after: int, query: dict[str, str]) -> None:
        account = self.served
        limit = int(query.get("limit", "500"))
        unfiltered = account.entries(call, after, {})[:limit]
        read = unfiltered[-1]["seq"] if unfiltered else None
        kept = [one for one in account.entries(call, after, query) if read and one["seq"] <= read]
        live = not account.is_sealed(call)
        self._send(200, {"entries": kept, "live": live, "next": read})

    # streams

    def _stream(self, call: str, after: int, query: dict[str, str]) -> None:
        account = self.served
        self._begin_stream()
        replay = True
        while True:
            entries = account.entries(call, after, query)
            while entries:
                entry = entries.pop(0)
                if entries and account.happens(account.faults.gaps):
                    left_out = [entry, *entries[:_GAP_OF]]
                    entries = entries[_GAP_OF:]
                    first, last = entry["seq"], left_out[-1]["seq"]
                    bounds = {"from_seq": first, "to_seq": last, "snapshot": None}
                    self._frame(_marker(call, "log.gap", last, bounds))
                    after = last
                    continue
                self._frame(entry)
                if account.happens(account.faults.repeats):
                    self._frame(entry)
                after = entry["seq"]
                if entry["type"] == "call.score":
                    return
                if account.happens(account.faults.drops):
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
            if replay:
                self._frame(_marker(call, "log.caught_up", after, {"seq": after}))
                replay = False
            self._wait()

    def _stream_floor(self) -> None:
        self._begin_stream()
        since = self.served.now()
        while True:
            until = self.served.now()
            for entry in self.served.floor(since, until):
                self._frame(entry)
            since = until
            self._wait()

    def _begin_stream(self) -> None:
        self._pinged = time.monotonic()
        self.close_connection = True
        self._head(200, {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        self.wfile.write(b"retry: 1000\n\n")

    def _wait(self) -> None:
        if time.monotonic() - self._pinged > _PING_EVERY_S:
            self._pinged = time.monotonic()
            self.wfile.write(b": ping\n\n")
        time.sleep(_LOOK_EVERY_S)

    def _frame(self, entry: CallLogEntry) -> None:
        head = f"id: {entry['seq']}\nevent: {entry['type']}\ndata: "
        self.wfile.write(f"{head}{json.dumps(entry)}\n\n".encode())

    def _send(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        more = {"Retry-After": "0"} if status == 429 else {}
        self._head(
            status, {"Content-Type": "application/json", "Content-Length": str(len(data)), **more}
        )
        self.wfile.write(data)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


def _marker(call: str, kind: str, number: int, data: dict[str, Any]) -> CallLogEntry:
    envelope = {"seq": number, "ts": 0.0, "call": call, "agent": "", "type": kind}
    return {**envelope, "ephemeral": True, "data": data}


def serve_simulated(port: int, calls: int, spread_s: float, seed: int) -> None:
    """Serve so many calls, which begin evenly at random from now on."""
    rng = Random(seed)
    start = time.time()
    starts = sorted(start + rng.random() * spread_s for _ in range(calls))
    account = account_of(
        (pinecall_call(rng, Habits(), int(one * 1000)) for one in starts), time.time
    )
    with pinecall_server(account, port) as url:
        print(url, flush=True)  # noqa: T201
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    serve_simulated(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
