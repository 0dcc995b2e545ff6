"""Answers of the REST APIs, and the errors that unexpected answers mean.

Only an error's status and code are passed on: a proxy between here and Twilio may answer with the
request that it got, credentials included.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Protocol, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec

from worker.errors import Misconfigured, Unreachable, VoiceInsightsError

NOT_FOUND: Final = 404
OK: Final = 200
CREATED: Final = 201
TOO_MANY: Final = 429
OUT_OF_ORDER: Final = 500
"""HTTP statuses from here on are server errors."""

_BAD_CREDENTIALS: Final = frozenset({401, 403})

Parameters = dict[str, str]
_T = TypeVar("_T")


class RestAnswer(NamedTuple):
    """An HTTP answer, of any status except those that were retried."""

    status: int
    body: bytes


class Rest(Protocol):
    """One of Twilio's REST APIs, such as Voice Insights."""

    def get(self, path: str, parameters: Parameters) -> RestAnswer:
        """GET ``path``. Raises ``Unreachable`` without an answer."""
        ...

    def post(self, path: str, form: Parameters) -> RestAnswer:
        """POST a form once. Raises ``Unreachable`` without an answer, when the form may or may not
        have been accepted.
        """
        ...


class _Problem(msgspec.Struct):
    code: Any = None


class _Meta(msgspec.Struct):
    next_page_url: str | None = None


class _Page(msgspec.Struct):
    meta: _Meta


def decode_answer(answer: RestAnswer, kind: type[_T], what: str) -> _T:
    """Decode the body of an answer that contains ``what``. Raises the error of ``refusal`` for a
    status other than 200 or 201, and ``Unreachable`` for a body of another kind.
    """
    if answer.status not in (OK, CREATED):
        raise refusal(answer, what)
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreachable(f"{what}: what answers is not Twilio") from error


def refusal(answer: RestAnswer, what: str) -> VoiceInsightsError:
    """The error that an answer without ``what`` means."""
    words = f"{what}: Twilio answers {answer.status}{_problem(answer.body)}"
    if answer.status in _BAD_CREDENTIALS:
        return Misconfigured(f"{words}; check the API key and its permissions")
    if answer.status == TOO_MANY or answer.status >= OUT_OF_ORDER:
        return Unreachable(words)
    return Misconfigured(words)


def all_rows(
    rest: Rest, path: str, parameters: Parameters, key: str, what: str
) -> list[bytes] | None:
    """The rows under ``key`` of all pages, in order; None if ``path`` doesn't exist.

    Raises ``Unreachable`` if the pages don't end as they should: a list cut short is worse than
    none.
    """
    answer = rest.get(path, parameters)
    if answer.status == NOT_FOUND:
        return None
    rows: list[bytes] = []
    seen: set[str] = set()
    while True:
        rows += _rows(answer, key, what)
        following = decode_answer(answer, _Page, what).meta.next_page_url
        if not following:
            return rows
        if following in seen:
            raise Unreachable(f"{what}: its pages form a circle")
        seen.add(following)
        answer = rest.get(*_page(following, what))
        if answer.status == NOT_FOUND:
            raise Unreachable(
                f"{what}: page {len(seen) + 1} doesn't exist (404) though page {len(seen)} names "
                "it; nothing of it was kept, repeat the command"
            )


def _rows(answer: RestAnswer, key: str, what: str) -> list[bytes]:
    page = decode_answer(answer, dict[str, msgspec.Raw], what)
    try:
        return [bytes(row) for row in msgspec.json.decode(page[key], type=list[msgspec.Raw])]
    except (KeyError, msgspec.DecodeError) as error:
        raise Unreachable(f"{what}: a page without {key}: what answers is not Twilio") from error


def _page(url: str, what: str) -> tuple[str, Parameters]:
    """Path and parameters of a page's address. Its host is dropped, so that the credentials go
    only to the configured host.
    """
    parts = urlsplit(url)
    if not parts.path.startswith("/v1/"):
        raise Unreachable(f"{what}: the address of the next page is not Twilio's")
    return parts.path, dict(parse_qsl(parts.query))


def _problem(body: bytes) -> str:
    try:
        code = msgspec.json.decode(body, type=_Problem).code
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return f", code {code} (see www.twilio.com/docs/errors/{code})" if type(code) is int else ""
