"""The interface of Pinecall's call logs: requests that the bridge makes, and answers as values.

Pure.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

MOST_LISTED: Final = 200
"""The most calls that one page of the list holds."""

MOST_ENTRIES: Final = 500
"""The most entries that one page of a log holds."""


class FailureKind(StrEnum):
    """The meaning of an unsuccessful answer to the bridge."""

    BAD_KEY = "bad key"  # 401: the operator's
    FORBIDDEN = "forbidden"  # 403: another organisation's, or a key without the scope `calls`
    MISSING = "missing"  # 404: there is no such call, or no longer
    REFUSED = "refused"  # any other 4xx: the request is wrong, or the interface has changed
    THROTTLED = "throttled"  # 429
    AWAY = "away"  # no answer, 408, 409 or 5xx
    UNREADABLE = "unreadable"  # a body that can't be read: it is not Pinecall's, or too large


class Failure(NamedTuple):
    """Why a request has no result. ``detail``: one line, without anything of the answer's body.

    ``retry_after_s``: seconds that the service asks to wait, 0 if it asks for none.
    """

    kind: FailureKind
    detail: str
    retry_after_s: float = 0.0


class ListedCall(NamedTuple):
    """One row of the list of calls. ``started``: epoch ms, None for a call that has not begun.

    ``last``: the sequence number of its log's last entry; ``live``: more may follow.
    """

    call: str
    started: int | None
    last: int
    live: bool


class CallsPage(NamedTuple):
    """Calls by their start, the newest first. ``following``: the cursor of the next page; None
    after the last one.
    """

    calls: list[ListedCall]
    following: str | None


class LogPage(NamedTuple):
    """Entries of one log, each as its JSON text, in order. ``read``: the sequence number up to
    which the log was read, None if it has nothing more; ``live``: more may follow.
    """

    entries: list[bytes]
    read: int | None
    live: bool


class Sealed(NamedTuple):
    """A log that has ended and has no more entries."""


class CallLogs(Protocol):
    """The interface of one organisation's call logs. No method raises for what the service or the
    network does, and none retries.
    """

    async def calls(self, before: str | None) -> CallsPage | Failure:
        """Return a page of the list of calls, from the newest one or a page's ``following``."""
        ...

    async def page(self, call: str, after: int, limit: int) -> LogPage | Sealed | Failure:
        """Return the entries of a call's log after a sequence number."""
        ...

    def stream(self, call: str, after: int) -> AsyncGenerator[bytes | Sealed | Failure, None]:
        """Yield the same entries as they are written, each as its JSON text. If the stream ends
        early, the last item says why.
        """
        ...

    def floor(self) -> AsyncGenerator[bytes | Sealed | Failure, None]:
        """Yield the entries of all calls' logs about beginnings and ends, live only."""
        ...
