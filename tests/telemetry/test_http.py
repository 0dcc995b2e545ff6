"""The server of the health pages: it answers, whatever others do to it."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from worker.errors import Misconfigured
from worker.telemetry.http import CONNECTIONS, REQUEST_BYTES, HttpServer
from worker.telemetry.pages import TEXT, Page

LONG_S = 60.0
HOST = "127.0.0.1"


@pytest.fixture
def port() -> Iterator[int]:
    server = HttpServer(lambda path, _accept: Page(200, TEXT, f"this is {path}\n"), HOST, 0)
    server.start()
    yield server.port
    server.stop(LONG_S)


def ask(port: int, method: str = "GET", path: str = "/healthz") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, port, timeout=LONG_S)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def say(port: int, request: bytes) -> bytes:
    """Send it and read the whole answer."""
    with socket.create_connection((HOST, port), timeout=LONG_S) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(4096), b""))


def test_a_page_is_found_by_its_path_alone(port: int) -> None:
    assert ask(port) == (200, b"this is /healthz\n")
    assert ask(port, path="/metrics?name=x") == (200, b"this is /metrics\n")


def test_head_has_no_body(port: int) -> None:
    assert ask(port, "HEAD") == (200, b"")


def test_nothing_can_be_changed(port: int) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert ask(port, method)[0] == 405
        answer = say(port, b"%s / HTTP/1.1\r\n\r\n" % method.encode())
        assert b"\r\nAllow: GET, HEAD\r\n" in answer.partition(b"\r\n\r\n")[0] + b"\r\n"


@pytest.mark.parametrize(
    "request_", [b"\r\n\r\n", b"GET /\r\n\r\n", b"\xff\x00 \xff HTTP/1.1\r\n\r\n", b"a b c\r\n\r\n"]
)
def test_what_is_no_request_is_refused(port: int, request_: bytes) -> None:
    assert say(port, request_).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 405 "))
    assert ask(port)[0] == 200


def test_a_request_without_end_is_refused_by_its_length(port: int) -> None:
    with socket.create_connection((HOST, port), timeout=LONG_S) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nX: " + b"a" * (REQUEST_BYTES + 1))
        assert client.recv(16).startswith(b"HTTP/1.1 431 ")
    assert ask(port)[0] == 200


def test_connections_that_say_nothing_keep_nobody_from_asking(port: int) -> None:
    with ExitStack() as idle:
        for _ in range(3 * CONNECTIONS):
            idle.enter_context(socket.create_connection((HOST, port), timeout=LONG_S))
        assert ask(port)[0] == 200


@pytest.mark.slow
def test_one_that_says_nothing_is_cut_off(port: int) -> None:
    assert say(port, b"GET /healthz HTTP/1.1\r\n") == b""


def test_a_port_in_use_is_told_by_the_setting(port: int) -> None:
    with pytest.raises(Misconfigured, match=f"^health_port: can't listen on .* port {port}: "):
        HttpServer(lambda path, _accept: Page(200, TEXT, path), HOST, port)
