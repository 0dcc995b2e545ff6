"""Decodes Pinecall's answers into values. Pure.

Only the status of an error is passed on: its body may quote what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from worker.backoff import retry_after_s
from worker.pinecall.api import CallsPage, Failure, FailureKind, ListedCall, LogPage
from worker.pinecall.mapping.values import instant_s

STATUS_OK: Final = 200
SEALED: Final = 204
LONGEST_CALL_ID: Final = 64

_BY_STATUS: Final = {
    401: (FailureKind.BAD_KEY, "it doesn't know the key"),
    403: (FailureKind.FORBIDDEN, "the key lacks the scope `calls`, or it is another's"),
    404: (FailureKind.MISSING, "there is no such thing"),
    408: (FailureKind.AWAY, "it has waited too long"),
    409: (FailureKind.AWAY, "something else is under way"),
    429: (FailureKind.THROTTLED, "too many requests"),
}
_OUT_OF_ORDER: Final = 500
_T = TypeVar("_T")


class _Row(msgspec.Struct):
    call: str
    live: bool | None = None
    last_seq: int | None = None
    started_at: float | None = None


class _Calls(msgspec.Struct):
    calls: list[msgspec.Raw]
    next: str | None = None


class _Page(msgspec.Struct):
    entries: list[msgspec.Raw]
    live: bool = False
    next: int | None = None


class _Whole(msgspec.Struct):
    seq: int
    type: str


def failed_answer(status: int, headers: Mapping[str, str]) -> Failure:
    """Return what a status other than 200 and 204 means; ``headers``: by name, in lower case."""
    if status >= _OUT_OF_ORDER:
        kind, words = FailureKind.AWAY, "it is out of order"
    else:
        kind, words = _BY_STATUS.get(status, (FailureKind.REFUSED, "it refuses the request"))
    return Failure(kind, f"{status}: {words}", retry_after_s(headers))


def calls_of(body: bytes) -> CallsPage | Failure:
    """Decode a page of the list of calls. Unreadable rows, and rows with an impossible call id, are
    left out.
    """
    page = _decoded(body, _Calls)
    if page is None:
        return _UNREADABLE
    rows = (_decoded(bytes(row), _Row) for row in page.calls)
    listed = [_listed(row) for row in rows if row is not None and is_call_id(row.call)]
    return CallsPage(listed, page.next or None)


def _listed(row: _Row) -> ListedCall:
    started_s = instant_s(row.started_at)
    started = None if started_s is None else int(started_s * 1000)
    return ListedCall(row.call, started, row.last_seq or 0, bool(row.live))


def page_of(body: bytes) -> LogPage | Failure:
    """Decode a page of a log."""
    page = _decoded(body, _Page)
    if page is None:
        return _UNREADABLE
    return LogPage([bytes(entry) for entry in page.entries], page.next, page.live)


def entry_of(data: str, event: str, number: str) -> bytes | None:
    """Return the whole entry of an SSE frame; None if the frame holds none.

    The frame's data is the entry or, by an older description, only the entry's own data, with its
    type in ``event`` and its sequence number in the frame's id.
    """
    body = data.encode()
    if _decoded(body, _Whole) is not None:
        return body
    inner = _decoded(body, dict[str, Any])
    if inner is None or not event or not number.isdecimal():
        return None
    return msgspec.json.encode({"seq": int(number[:18]), "type": event, "data": inner})


def object_of(text: bytes) -> dict[str, Any]:
    """Decode a JSON object; an empty one for any other text."""
    return _decoded(text, dict[str, Any]) or {}


def is_call_id(text: str) -> bool:
    """Whether a call may have this id: 1 to 64 visible ASCII characters, none of them a slash."""
    return (
        0 < len(text) <= LONGEST_CALL_ID
        and text.isascii()
        and text.isprintable()
        and not set(text) & set(" /\\?#%")
        and text not in (".", "..")
    )


_UNREADABLE: Final = Failure(FailureKind.UNREADABLE, "what answers is not Pinecall")


def _decoded(body: bytes, kind: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
