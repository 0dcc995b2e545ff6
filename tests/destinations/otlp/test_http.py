"""An attempt ends within its time, whatever the receiver does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from worker.destinations.otlp.answers import Answer
from worker.destinations.otlp.http import HttpReceiver, NoAnswer
from worker.destinations.otlp.signing import OwnHeaders

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n"


@contextmanager
def answering(*pieces: bytes, again: float | None = None) -> Iterator[str]:
    """A receiver that sends these pieces; then a byte ``again`` and again, until it is let go."""
    end = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                for piece in pieces:
                    connection.sendall(piece)
                while again is not None and not end.wait(again):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/v1/metrics"
        finally:
            end.set()
            thread.join(10)


def receiver(url: str, timeout_s: float) -> HttpReceiver:
    return HttpReceiver(url, OwnHeaders({}), "none", timeout_s)


def test_an_answer_that_trickles_is_given_up_and_nobody_knows() -> None:
    with answering(HEAD + b"content-length: 1000000\r\n\r\n", again=0.05) as url:
        answer = receiver(url, 0.5).post(b"body")
    assert isinstance(answer, NoAnswer)
    assert answer.was_sent


def test_an_answer_comes_whole() -> None:
    with answering(HEAD + b"content-length: 6\r\n\r\nabc", b"def") as url:
        answer = receiver(url, 10.0).post(b"body")
    assert isinstance(answer, Answer)
    assert (answer.status, answer.body) == (200, b"abcdef")


def test_without_a_connection_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer = receiver(f"http://127.0.0.1:{port}/v1/metrics", 0.5).post(b"body")
    assert isinstance(answer, NoAnswer)
    assert not answer.was_sent
