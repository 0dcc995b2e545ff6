"""The HTTP client of Pinecall's call logs: one bounded attempt per request. Shell.

Needs httpx and httpx-sse, which the extra ``pinecall`` installs.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Final, TypeVar
from urllib.parse import quote

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError

from worker import __version__
from worker.errors import Misconfigured
from worker.pinecall.answers import SEALED, STATUS_OK, calls_of, entry_of, failed_answer, page_of
from worker.pinecall.api import (
    MOST_LISTED,
    CallsPage,
    Failure,
    FailureKind,
    LogPage,
    Sealed,
)
from worker.pinecall.mapping.call_log import WIRE_TYPES

_CONNECT_S: Final = 10.0
_ANSWER_S: Final = 30.0
_SILENT_S: Final = 60.0
"""The longest silence of a stream, which sends at least a comment every 25 s."""

_LARGEST: Final = 32 << 20
"""The largest answer that isn't a stream, and the largest frame of a stream, in bytes."""

_JSON: Final = {"Accept": "application/json"}
_FILTER: Final = {"types": ",".join(WIRE_TYPES), "durable": "1"}
_T = TypeVar("_T")


class HttpCallLogs:
    """``CallLogs`` at a base address such as ``https://cloud.pinecall.io``."""

    def __init__(self, client: httpx.AsyncClient, base: str) -> None:
        self._client = client
        self._base = base.rstrip("/")

    async def calls(self, before: str | None) -> CallsPage | Failure:
        """See ``CallLogs.calls``."""
        query = {"limit": str(MOST_LISTED)} | ({} if before is None else {"before": before})
        answer = await self._get("/v1/sessions", query)
        return answer if isinstance(answer, Failure) else calls_of(answer or b"")

    async def page(self, call: str, after: int, limit: int) -> LogPage | Sealed | Failure:
        """See ``CallLogs.page``."""
        query = {**_FILTER, "after": str(after), "limit": str(limit)}
        answer = await self._get(_events_of(call), query)
        if answer is None:
            return Sealed()
        return answer if isinstance(answer, Failure) else page_of(answer)

    async def stream(self, call: str, after: int) -> AsyncGenerator[bytes | Sealed | Failure, None]:
        """See ``CallLogs.stream``."""
        headers = {"Last-Event-ID": str(after)} if after else {}
        query = {**_FILTER, "after": str(after)}
        async with aclosing(self._frames(_events_of(call), query, headers)) as frames:
            async for frame in frames:
                yield frame

    async def floor(self) -> AsyncGenerator[bytes | Sealed | Failure, None]:
        """See ``CallLogs.floor``."""
        async with aclosing(self._frames("/v1/events", {}, {})) as frames:
            async for frame in frames:
                yield frame

    async def _get(self, path: str, query: Mapping[str, str]) -> bytes | Failure | None:
        """Return the body of a 200; None for a 204."""
        url = f"{self._base}{path}"
        try:
            async with self._client.stream("GET", url, params=query, headers=_JSON) as answer:
                if answer.status_code == SEALED:
                    return None
                if answer.status_code != STATUS_OK:
                    return failed_answer(answer.status_code, _headers(answer))
                return await _body(answer)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Failure(FailureKind.AWAY, _plainly(error))

    async def _frames(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncGenerator[bytes | Sealed | Failure, None]:
        accept = {"Accept": "text/event-stream", "Cache-Control": "no-store", **headers}
        timeout = httpx.Timeout(_ANSWER_S, connect=_CONNECT_S, read=_SILENT_S)
        try:
            async with self._client.stream(
                "GET", f"{self._base}{path}", params=query, headers=accept, timeout=timeout
            ) as answer:
                if answer.status_code == SEALED:
                    yield Sealed()
                    return
                if answer.status_code != STATUS_OK:
                    yield failed_answer(answer.status_code, _headers(answer))
                    return
                answer.stream = _Bounded(answer.stream)
                async with aclosing(EventSource(answer).aiter_sse()) as frames:
                    async for frame in frames:
                        entry = _entry(frame)
                        if entry is not None:
                            yield entry
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            yield Failure(FailureKind.AWAY, _plainly(error))
        except SSEError:
            yield Failure(FailureKind.AWAY, "what answers is no stream of events")


class _Bounded(httpx.AsyncByteStream):
    """A stream that ends at a frame larger than ``_LARGEST``."""

    def __init__(self, stream: httpx.SyncByteStream | httpx.AsyncByteStream) -> None:
        assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101 - the client is one
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            place = max(chunk.rfind(b"\n\n"), chunk.rfind(b"\r\n\r\n"), chunk.rfind(b"\r\r"))
            size = size + len(chunk) if place < 0 else len(chunk) - place
            if size > _LARGEST:
                raise httpx.RemoteProtocolError("a frame is too large")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def _entry(frame: ServerSentEvent) -> bytes | None:
    return entry_of(frame.data, frame.event, frame.id) if frame.data else None


def _events_of(call: str) -> str:
    return f"/v1/calls/{quote(call, safe='')}/events"


def _headers(answer: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


async def _body(answer: httpx.Response) -> bytes | Failure:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > _LARGEST:
            return Failure(FailureKind.UNREADABLE, "the answer is too large")
    return bytes(body)


@asynccontextmanager
async def http_call_logs(base: str, key: str, env: str | None) -> AsyncIterator[HttpCallLogs]:
    """Open a client with its connections, closed at the end of the block.

    ``env``: the environment that a personal key reads, None for the key's own. Redirects are not
    followed, so the key reaches no other host. Raises ``Misconfigured`` if this machine's settings
    allow no client.
    """
    headers = {
        "Authorization": f"Bearer {key}",
        "User-Agent": f"voice-insights-worker/{__version__}",
    }
    if env is not None:
        headers["pinecall-env"] = env
    try:
        client = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(_ANSWER_S, connect=_CONNECT_S),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=32),
            follow_redirects=False,
        )
    except (httpx.InvalidURL, ValueError, OSError, ImportError) as error:
        kind = type(error).__name__
        raise Misconfigured(
            f"no HTTP client for Pinecall ({kind}): check HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE"
        ) from None
    async with client:
        yield HttpCallLogs(client, base)


def _plainly(error: Exception) -> str:
    """Describe a library's error in the program's own words."""
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.ProxyError):
        return "the proxy doesn't let it through"
    if isinstance(error, httpx.ConnectError):
        return "no connection"
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        return "the connection broke off"
    return f"no answer ({type(error).__name__})"
