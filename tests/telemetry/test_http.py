"""The server of the health pages: it answers, whatever others do to it."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from threading import Event

import pytest

from worker.errors import Misconfigured
from worker.telemetry.connections import CONNECTIONS, REQUEST_BYTES
from worker.telemetry.http import HttpServer
from worker.telemetry.page import TEXT, Page

LONG_S = 60.0
HOST = "127.0.0.1"
GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def port() -> Iterator[int]:
    server = HttpServer(lambda path, accept: Page(200, TEXT, f"this is {path}\n"), HOST, 0)
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
        answer = say(port, b"%s / HTTP/1.1\r\nHost: localhost\r\n\r\n" % method.encode())
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
        HttpServer(lambda path, accept: Page(200, TEXT, path), HOST, port)


@pytest.fixture
def page_port() -> Iterator[int]:
    def view(path: str, query: Mapping[str, str]) -> Page:
        return Page(200, TEXT, f"view {path} {dict(query)}\n")

    server = HttpServer(lambda path, accept: Page(200, TEXT, accept), HOST, 0, view)
    server.start()
    yield server.port
    server.stop(LONG_S)


def test_the_page_is_at_its_paths_and_the_root_leads_to_it(page_port: int) -> None:
    assert ask(page_port, path="/page") == (200, b"view /page {}\n")
    data = ask(page_port, path="/page/data/x.json?after=7&b=&after=8")
    assert data == (200, b"view /page/data/x.json {'after': '8', 'b': ''}\n")
    for path in ("/", "/index.html", "/page/"):
        assert ask(page_port, path=path)[0] == 302
    assert b"\r\nLocation: /page\r\n" in say(page_port, GET % b"/")
    assert ask(page_port, path="/pages") == (200, b"")


def test_a_query_of_too_many_fields_counts_as_none(page_port: int) -> None:
    path = "/page?" + "&".join(f"f{n}=1" for n in range(17))
    assert ask(page_port, path=path) == (200, b"view /page {}\n")


def test_without_the_page_its_paths_are_like_any_other(port: int) -> None:
    assert ask(port, path="/") == (200, b"this is /\n")
    assert ask(port, path="/page") == (200, b"this is /page\n")


def test_what_kinds_of_answer_a_request_takes_is_handed_on(page_port: int) -> None:
    request = b"GET /x HTTP/1.1\r\nHost: localhost\r\nAccept: a/b\r\nACCEPT: c/d\r\n\r\n"
    assert say(page_port, request).endswith(b"\r\n\r\na/b,c/d")


def test_another_host_than_the_loopbacks_is_not_answered(port: int) -> None:
    request = b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n"
    assert say(port, request).startswith(b"HTTP/1.1 421 Misdirected Request\r\n")


def test_health_is_answered_while_a_view_is_made() -> None:
    begun, go_on = Event(), Event()

    def view(path: str, query: Mapping[str, str]) -> Page:
        begun.set()
        assert go_on.wait(LONG_S)
        return Page(200, TEXT, "late\n")

    server = HttpServer(lambda path, accept: Page(200, TEXT, "ok\n"), HOST, 0, view)
    server.start()
    try:
        with socket.create_connection((HOST, server.port), timeout=LONG_S) as client:
            client.sendall(GET % b"/page")
            assert begun.wait(LONG_S)
            assert ask(server.port) == (200, b"ok\n")
            go_on.set()
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
    finally:
        go_on.set()
        server.stop(LONG_S)


def test_it_ends_at_once_whoever_is_connected() -> None:
    server = HttpServer(lambda path, accept: Page(200, TEXT, "ok\n"), HOST, 0)
    server.start()
    assert ask(server.port)[0] == 200
    with socket.create_connection((HOST, server.port), timeout=LONG_S) as idle:
        server.stop(LONG_S)
        with suppress(ConnectionResetError):
            assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        ask(server.port)


def test_a_page_that_fails_is_told_and_the_next_is_answered() -> None:
    failed: list[str] = []

    def page_at(path: str, accept: str) -> Page:
        if path == "/broken":
            raise LookupError(path)
        return Page(200, TEXT, "ok\n")

    server = HttpServer(page_at, HOST, 0, failed=failed.append)
    server.start()
    try:
        assert ask(server.port, path="/broken")[0] == 500
        assert ask(server.port)[0] == 200
    finally:
        server.stop(LONG_S)
    assert failed == ["/broken"]
