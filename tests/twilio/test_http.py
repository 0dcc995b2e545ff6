"""The client over real connections: retries, credentials that stay hidden, no redirects."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from worker.errors import Misconfigured, Unreachable
from worker.testing.twilio_account import Faults, TwilioAccount
from worker.testing.twilio_rest import SECRET, USER, twilio_rest
from worker.twilio.credentials import TwilioCredentials
from worker.twilio.event_streams import advanced_features
from worker.twilio.http import TwilioRest, http_client
from worker.twilio.retrying import ATTEMPTS

OWN = TwilioCredentials(USER, SECRET)


class Pauses(list[float]):
    """The seconds that were slept."""


@contextmanager
def client(url: str, credentials: TwilioCredentials = OWN) -> Iterator[tuple[TwilioRest, Pauses]]:
    pauses = Pauses()
    with http_client(credentials) as http:
        yield TwilioRest(http, url, pauses.append, lambda: 0.5), pauses


Handle = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(handle: Handle) -> Iterator[tuple[str, list[str]]]:
    """A server that handles each request so; its address and the requests that came."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"GET {self.path}")
            handle(self)

        def do_POST(self) -> None:
            asked.append(f"POST {self.path}")
            handle(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()


def answering(status: int, **headers: str) -> Handle:
    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()

    return handle


def breaking_off(request: BaseHTTPRequestHandler) -> None:
    request.connection.close()


def test_too_many_requests_are_made_again_after_what_was_asked_for_and_jitter() -> None:
    account = TwilioAccount({}, Faults(too_many_every=2))
    with twilio_rest(account) as url, client(url) as (rest, pauses):
        for _ in range(4):
            assert advanced_features(rest) is True
    assert pauses == [1.5, 1.5, 1.5]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_get_is_given_up_after_its_attempts(status: int) -> None:
    with serving(answering(status)) as (url, asked), client(url) as (rest, pauses):
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1 can't be reached"):
            rest.get("/v1/x", {})
        assert len(asked) == ATTEMPTS
        assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]


def test_a_service_that_asks_for_too_long_a_wait_is_away() -> None:
    with serving(answering(429, Retry_After="601")) as (url, asked), client(url) as (rest, pauses):
        with pytest.raises(Unreachable, match="429"):
            rest.get("/v1/x", {})
        assert (len(asked), pauses) == (1, [])


@pytest.mark.parametrize("handle", [answering(503), breaking_off])
def test_a_form_that_may_have_been_taken_is_posted_once(handle: Handle) -> None:
    with serving(handle) as (url, asked), client(url) as (rest, pauses):
        with pytest.raises(Unreachable, match="may or may not have been carried out"):
            rest.post("/v1/Sinks", {"Description": "d"})
        assert (asked, pauses) == (["POST /v1/Sinks"], [])


def test_a_form_that_was_refused_for_haste_is_posted_again() -> None:
    with serving(answering(429)) as (url, asked), client(url) as (rest, _):
        with pytest.raises(Unreachable):
            rest.post("/v1/Sinks", {"Description": "d"})
        assert len(asked) == ATTEMPTS


def test_a_connection_that_breaks_off_is_told_in_our_words() -> None:
    with serving(breaking_off) as (url, asked), client(url) as (rest, _):
        with pytest.raises(Unreachable, match="the connection broke off"):
            rest.get("/v1/x", {})
        assert len(asked) == ATTEMPTS


def test_where_nobody_listens_both_are_tried_again() -> None:
    with twilio_rest(TwilioAccount({})) as gone:
        pass
    with client(gone) as (rest, pauses):
        for ask in (rest.get, rest.post):
            with pytest.raises(Unreachable, match="no connection"):
                ask("/v1/x", {})
    assert len(pauses) == 2 * (ATTEMPTS - 1)


def test_a_redirect_is_not_followed() -> None:
    with serving(answering(302)) as (elsewhere, went):
        with serving(answering(302, Location=elsewhere)) as (url, _), client(url) as (rest, _):
            assert rest.get("/v1/x", {}).status == 302
        assert went == []


def test_credentials_that_are_not_taken_are_the_operators_and_not_shown() -> None:
    wrong = TwilioCredentials(USER, "hush-hush")
    with (
        twilio_rest(TwilioAccount({})) as url,
        client(url, wrong) as (rest, _),
        pytest.raises(Misconfigured, match="401, code 20003") as caught,
    ):
        advanced_features(rest)
    assert "hush" not in str(caught.value)
    assert USER not in str(caught.value)


@pytest.mark.parametrize("handle", [answering(503), answering(429), breaking_off])
def test_no_error_shows_the_credentials(handle: Handle) -> None:
    secret = TwilioCredentials(USER, "hush-hush")
    with (
        serving(handle) as (url, _),
        client(url, secret) as (rest, _),
        pytest.raises(Unreachable) as caught,
    ):
        rest.get("/v1/x", {"a": "b"})
    assert "hush" not in f"{caught.value!r} {caught.value.__cause__!r}"
