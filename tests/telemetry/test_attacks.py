"""What a client can make the server do is bounded, and others are answered meanwhile."""

from __future__ import annotations

import gc
import http.client
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.telemetry.test_http import HOST, LONG_S, ask, say
from worker.telemetry.connections import (
    ANSWER_WITHIN_S,
    CONNECTIONS,
    REQUEST_BYTES,
    REQUEST_WITHIN_S,
    writing_within_s,
)
from worker.telemetry.http import HttpServer
from worker.telemetry.page import TEXT, Page

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
MEGABYTES = b"x" * 8_000_000


@contextmanager
def serving(page_at: Callable[[str, str], Page]) -> Iterator[int]:
    server = HttpServer(page_at, HOST, 0)
    server.start()
    try:
        yield server.port
    finally:
        server.stop(LONG_S)


@pytest.fixture
def port() -> Iterator[int]:
    with serving(lambda path, _: Page(200, TEXT, MEGABYTES if path == "/large" else "ok\n")) as one:
        yield one


def open_files() -> int:
    gc.collect()  # closes what earlier tests have left
    return len(list(Path("/proc/self/fd").iterdir()))


def connected(port: int) -> socket.socket:
    return socket.create_connection((HOST, port), timeout=LONG_S)


@pytest.mark.slow
def test_a_request_that_trickles_in_is_cut_off_however_steadily_it_does(port: int) -> None:
    with connected(port) as client:
        client.sendall(REQUEST + b"X: ")
        ended = Event()

        def trickle() -> None:
            while not ended.wait(0.05):
                try:
                    client.sendall(b"a")
                except OSError:
                    return

        thread = Thread(target=trickle)
        thread.start()
        with suppress(ConnectionResetError):
            assert client.recv(1) == b""
        ended.set()
        thread.join()


def test_those_that_are_not_asking_give_way_before_those_that_are() -> None:
    asked = Event()

    def slow(path: str, accept: str) -> Page:
        asked.set()
        return Page(200, TEXT, MEGABYTES)

    with serving(slow) as port, ExitStack() as idle, connected(port) as client:
        client.sendall(REQUEST + b"\r\n")
        assert asked.wait(LONG_S)
        for _ in range(3 * CONNECTIONS):
            idle.enter_context(connected(port))
        assert ask(port)[0] == 200
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert len(answer.read()) == len(MEGABYTES)


def test_of_those_that_are_asking_the_oldest_gives_way(port: int) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(port)) for _ in range(2 * CONNECTIONS)]
        for client in clients:  # and reads nothing, so that the answer can't be sent whole
            client.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert ask(port)[0] == 200


@pytest.mark.slow
def test_thousands_of_connections_leave_nothing_behind(port: int) -> None:
    before = open_files()
    for _ in range(40):
        with ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(connected(port))
            assert ask(port)[0] == 200
    with connected(port) as last:
        assert last.recv(1) == b""  # cut off, as all before it were
    assert open_files() <= before + CONNECTIONS


@pytest.mark.slow
def test_who_asks_and_never_reads_is_let_go(port: int) -> None:
    before = open_files()
    with connected(port) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(1) == b"H"
        assert open_files() == before + 2
        for _ in range(int(LONG_S)):
            if open_files() == before + 1:
                break
            time.sleep(1)
        else:
            pytest.fail("the server still holds the connection")
    assert ask(port)[0] == 200


def test_an_answer_has_time_by_its_size_and_not_without_end() -> None:
    assert writing_within_s(0) == REQUEST_WITHIN_S
    assert writing_within_s(1_048_576) == REQUEST_WITHIN_S + 8
    assert writing_within_s(10**9) == ANSWER_WITHIN_S


@pytest.mark.parametrize("size", [REQUEST_BYTES, 3 * REQUEST_BYTES, 40 * REQUEST_BYTES])
def test_headers_may_have_so_many_bytes_in_all(port: int, size: int) -> None:
    room = REQUEST_BYTES - len(REQUEST) - len(b"X: \r\n\r\n")
    assert say(port, REQUEST + b"X: " + b"a" * room + b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    with connected(port) as client:
        client.sendall(REQUEST + b"a: b\r\n" * (size // 6 + 1))
        assert client.recv(16).startswith(b"HTTP/1.1 431 ")


def test_what_follows_a_request_is_no_further_one(port: int) -> None:
    body = b"Content-Length: 40\r\n\r\n" + b"a" * 40
    answer = say(port, REQUEST + body + REQUEST + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "request_",
    [
        REQUEST + b"Host: other\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        REQUEST + b"Content-Length: -1\r\n\r\n",
        REQUEST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        REQUEST + b" folded\x00\r\n\r\n",
    ],
)
def test_what_two_readers_could_understand_in_two_ways_is_refused(
    port: int, request_: bytes
) -> None:
    assert say(port, request_).startswith(b"HTTP/1.1 400 ")
    assert ask(port)[0] == 200


def test_no_upgrade_is_made(port: int) -> None:
    upgrade = b"Upgrade: websocket\r\nConnection: upgrade\r\n\r\n"
    assert say(port, REQUEST + upgrade).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "path", [b"/../../etc/passwd", b"/%2e%2e/x", b"//x/y", b"http://localhost/healthz", b"*"]
)
def test_any_path_is_only_a_name(port: int, path: bytes) -> None:
    answer = say(port, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
