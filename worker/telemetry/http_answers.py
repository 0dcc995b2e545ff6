"""The bytes and headers of a page's answer, and the requests that are refused. Pure."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final, NamedTuple

from worker.telemetry.page import TEXT, Page

METHODS: Final = ("GET", "HEAD")

_CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ALWAYS: Final = (
    ("Content-Security-Policy", _CONTENT_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Connection", "close"),
)
_LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]*)(?::\d{1,5})?")
_GZIP: Final = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:,|$|;(?!\s*q\s*=\s*0(?:\.0*)?\s*(?:,|$)))")
_COMPRESSED_FROM: Final = 1024
_LEVEL: Final = 5
_GZIP_FORMAT: Final = 31


class HttpRequest(NamedTuple):
    """A request's line and its relevant headers, by name in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


class HttpAnswer(NamedTuple):
    """A status, all headers but the date, and the body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Prepared(NamedTuple):
    """A page whose body is made once for all requests. ``gzipped``: None if it is no smaller."""

    page: Page
    body: bytes
    gzipped: bytes | None


def hosts_answered(host: str, machine: str) -> frozenset[str] | None:
    """Return the names in a request's Host that are answered at the address ``host``; None: any.

    On loopback these are the loopback's names, so that no web page can make its own name resolve to
    this server (DNS rebinding). At another address, the address and the ``machine``'s name. If the
    server listens at every address, it can't know the names that it is found by.
    """
    address = ip_address(host)
    if address.is_unspecified:
        return None
    literal = f"[{address}]" if address.version == 6 else str(address)
    if address.is_loopback:
        return _LOOPBACK_NAMES | {literal}
    return frozenset({literal, machine.lower()})


def refused(request: HttpRequest, hosts: frozenset[str] | None) -> Page | None:
    """Return the refusal of a request for another Host, or with a method but GET and HEAD."""
    if hosts is not None:
        match = _HOST.fullmatch(request.headers.get("host", ""))
        if match is None or match[1].lower() not in hosts:
            return Page(421, TEXT, f"only these hosts are answered: {', '.join(sorted(hosts))}\n")
    if request.method not in METHODS:
        return Page(405, TEXT, "GET only\n", (("Allow", ", ".join(METHODS)),))
    return None


def prepared(page: Page) -> Prepared:
    """Return the page with its body compressed, if it is long enough."""
    body = page.encoded
    if len(body) < _COMPRESSED_FROM:
        return Prepared(page, body, None)
    squeeze = zlib.compressobj(_LEVEL, wbits=_GZIP_FORMAT)
    gzipped = squeeze.compress(body) + squeeze.flush()
    return Prepared(page, body, gzipped if len(gzipped) < len(body) else None)


def answer_of(made: Prepared, request: HttpRequest) -> HttpAnswer:
    """Return the answer to a request for the page: plain, compressed, or "not modified"."""
    own = {name.lower(): value for name, value in made.page.headers}
    headers = [("Content-Type", made.page.content_type), *made.page.headers, *_ALWAYS]
    if "cache-control" not in own:
        headers.append(("Cache-Control", "no-store"))
    if made.gzipped is not None:
        headers.append(("Vary", "Accept-Encoding"))
    if _unchanged(own.get("etag"), request.headers.get("if-none-match", "")):
        return HttpAnswer(304, tuple(headers[1:]), b"")
    body = made.body
    if made.gzipped is not None and _GZIP.search(request.headers.get("accept-encoding", "")):
        body = made.gzipped
        headers.append(("Content-Encoding", "gzip"))
    headers.append(("Content-Length", str(len(body))))
    return HttpAnswer(made.page.status, tuple(headers), body)


def _unchanged(tag: str | None, known: str) -> bool:
    if tag is None or not known:
        return False
    weak = tag.removeprefix("W/")
    return any(one.strip().removeprefix("W/") in (weak, "*") for one in known.split(","))
