"""Who is answered, and what an answer says to a browser besides its body."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.telemetry.http_answers import (
    HttpRequest,
    answer_of,
    hosts_answered,
    prepared,
    refused,
)
from worker.telemetry.page import TEXT, Page

LOOPBACK = hosts_answered("127.0.0.1", "box")
LONG = Page(200, TEXT, "a line that is repeated\n" * 100)


def request(method: str = "GET", path: str = "/", /, **headers: str) -> HttpRequest:
    given_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest(method, path, {}, {"host": "localhost", **given_headers})


def headers_of(page: Page, /, **headers: str) -> dict[str, str]:
    return dict(answer_of(prepared(page), request(**headers)).headers)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:8080", "[::1]", "[::1]:80"])
def test_on_loopback_its_own_names_are_answered(host: str) -> None:
    assert refused(request(host=host), LOOPBACK) is None


@pytest.mark.parametrize(
    "host",
    [
        *(
            "",
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.nip.example",
        ),
        *("localhost:", "localhost:x", "user@localhost", "[::1", "::1", "127.0.0.1,evil", "box"),
    ],
)
def test_on_loopback_no_other_name_is_answered(host: str) -> None:
    no = refused(request(host=host), LOOPBACK)
    assert no is not None
    assert no.status == 421


@given(st.text(st.characters(max_codepoint=255)))
def test_whatever_else_a_host_says_it_is_not_answered(host: str) -> None:
    known = host.rpartition(":")[0].lower() or host.lower()
    if known not in {"127.0.0.1", "localhost", "[::1]"} and host.lower() != "[::1]":
        assert refused(request(host=host), LOOPBACK) is not None


def test_at_another_address_that_and_the_machines_name_are_answered() -> None:
    for address, names in (
        ("10.1.2.3", ["10.1.2.3", "box"]),
        ("fd00::1", ["[fd00::1]", "box"]),
        ("127.0.0.2", ["127.0.0.1", "127.0.0.2", "[::1]", "localhost"]),
    ):
        assert sorted(hosts_answered(address, "Box") or ()) == names


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_at_every_address_every_name_is(host: str) -> None:
    assert hosts_answered(host, "box") is None
    assert refused(request(host="any.example"), None) is None
    assert refused(HttpRequest("GET", "/", {}, {}), None) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "X"])
def test_no_method_but_get_and_head_is_answered(method: str) -> None:
    no = refused(request(method), LOOPBACK)
    assert no is not None
    assert (no.status, no.headers) == (405, (("Allow", "GET, HEAD"),))


@pytest.mark.parametrize("page", [LONG, Page(404, TEXT, "no\n"), Page(503, TEXT, "busy\n")])
def test_a_browser_is_told_to_let_nothing_in_and_nothing_out(page: Page) -> None:
    headers = headers_of(page, origin="http://evil.example")
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; ")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    names = {name.lower() for name in headers}
    assert "set-cookie" not in names
    assert not [one for one in names if one.startswith("access-control-")]


def test_nothing_is_stored_but_what_says_so() -> None:
    assert headers_of(LONG)["Cache-Control"] == "no-store"
    static = LONG._replace(headers=(("Cache-Control", "max-age=3600"),))
    assert headers_of(static)["Cache-Control"] == "max-age=3600"


@pytest.mark.parametrize("known", ['"1"', 'W/"1"', '"0", "1"', "*"])
def test_what_is_known_and_unchanged_is_not_sent_again(known: str) -> None:
    page = LONG._replace(headers=(("ETag", '"1"'),))
    answer = answer_of(prepared(page), request(if_none_match=known))
    assert (answer.status, answer.body) == (304, b"")
    assert ("ETag", '"1"') in answer.headers
    for other in ('"2"', "1", ""):
        assert answer_of(prepared(page), request(if_none_match=other)).status == 200
    assert answer_of(prepared(LONG), request(if_none_match=known)).status == 200


@pytest.mark.parametrize("taken", ["gzip", "br, gzip", "gzip;q=0.5, br", "deflate,gzip ", "*"])
def test_a_long_body_is_compressed_for_who_takes_it(taken: str) -> None:
    answer = answer_of(prepared(LONG), request(accept_encoding=taken))
    assert gzip.decompress(answer.body) == LONG.encoded
    assert len(answer.body) < len(LONG.encoded)
    assert dict(answer.headers)["Content-Length"] == str(len(answer.body))
    assert dict(answer.headers)["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("taken", ["", "br", "gzip;q=0", "gzip; q=0.0, br", "xgzip", "gzipx"])
def test_nothing_is_compressed_for_others(taken: str) -> None:
    answer = answer_of(prepared(LONG), request(accept_encoding=taken))
    assert answer.body == LONG.encoded
    assert "Content-Encoding" not in dict(answer.headers)


@given(st.binary(max_size=5000))
def test_no_body_becomes_longer_by_compression(body: bytes) -> None:
    answer = answer_of(prepared(Page(200, TEXT, body)), request(accept_encoding="gzip"))
    assert len(answer.body) <= len(body)
