"""Bounded connections in front of an HTTP protocol: their number, their request, their time. Shell.

The protocol behind is a library's. Any host that can reach the port may connect, so a connection
costs next to nothing until its request is complete: the library sees only complete requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

CONNECTIONS: Final = 32
"""The most connections at a time. A new one replaces the oldest whose request is not complete; if
all requests are, the oldest connection.
"""

REQUEST_BYTES: Final = 8192
"""The most bytes of a request's line and headers, the empty line included."""

REQUEST_WITHIN_S: Final = 2.0
"""The longest time from the connection to the end of its headers."""

ANSWER_WITHIN_S: Final = 20.0
"""The longest time from the headers to the answer, and from there to the answer's last byte."""

_STEP_S: Final = 1.0
_STEP_BYTES: Final = 128 * 1024
_END_OF_HEAD: Final = b"\r\n\r\n"
_TOO_LONG: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 9\r\n"
    b"Connection: close\r\n\r\n"
    b"too long\n"
)

ProtocolMaker = Callable[[Mapping[str, Any]], asyncio.Protocol]
"""Makes the library's protocol, given the state that it hands to the application."""

STATE_NAME: Final = "connection"
"""The name under which the application finds its connection in that state."""


def writing_within_s(size: int) -> float:
    """Return the seconds within which a client has to read ``size`` bytes: 64 KiB/s at least."""
    return min(ANSWER_WITHIN_S, REQUEST_WITHIN_S + _STEP_S * size / _STEP_BYTES)


class OpenConnections:
    """The connections of one server, in order of arrival. For the loop's thread."""

    def __init__(self) -> None:
        self._open: dict[BoundedConnection, None] = {}
        self._closing = False

    def add(self, connection: BoundedConnection) -> None:
        """Add a connection, which may replace another one."""
        while len(self._open) >= CONNECTIONS:
            oldest = next(iter(self._open))
            next((one for one in self._open if one.idle), oldest).abort()
        self._open[connection] = None
        if self._closing:
            connection.abort()

    def discard(self, connection: BoundedConnection) -> None:
        """Forget a connection, if it is known."""
        self._open.pop(connection, None)

    def close(self) -> None:
        """End all connections whose request is not complete, and all later ones."""
        self._closing = True
        for connection in [one for one in self._open if one.idle]:
            connection.abort()

    def abort(self) -> None:
        """End all connections."""
        for connection in list(self._open):
            connection.abort()


class BoundedConnection(asyncio.Protocol):
    """A connection with one request. The protocol that ``make`` makes never sees bytes after the
    headers: the answer ends the connection.
    """

    def __init__(self, make: ProtocolMaker, others: OpenConnections) -> None:
        self._make = make
        self._others = others
        self._loop = asyncio.get_running_loop()
        self._head = bytearray()
        self._inner: asyncio.Protocol | None = None
        self._refused = False
        self._transport: asyncio.Transport
        self._deadline: asyncio.TimerHandle

    @property
    def idle(self) -> bool:
        """Whether the request is not complete."""
        return self._inner is None

    def answering(self, size: int) -> None:
        """Note that the answer has ``size`` bytes, and start its time."""
        self._end_within(writing_within_s(size))

    def abort(self) -> None:
        """End the connection at once, and drop unsent bytes."""
        self._others.discard(self)
        self._deadline.cancel()
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = cast(asyncio.Transport, transport)
        self._deadline = self._loop.call_later(REQUEST_WITHIN_S, self.abort)
        self._others.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self._others.discard(self)
        self._deadline.cancel()
        if self._inner is not None:
            self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Wait for the end of the headers; later bytes are read and dropped."""
        if self._inner is not None or self._refused:
            return
        searched = max(0, len(self._head) - len(_END_OF_HEAD))
        self._head += data
        end = self._head.find(_END_OF_HEAD, searched, REQUEST_BYTES)
        if end >= 0:
            self._begin(bytes(self._head[: end + len(_END_OF_HEAD)]))
        elif len(self._head) >= REQUEST_BYTES:
            self._refused = True
            self._transport.write(_TOO_LONG)
            self._transport.close()

    def pause_writing(self) -> None:
        """See ``asyncio.Protocol``."""
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """See ``asyncio.Protocol``."""
        if self._inner is not None:
            self._inner.resume_writing()

    def _begin(self, head: bytes) -> None:
        self._head.clear()
        self._end_within(ANSWER_WITHIN_S)
        self._inner = self._make({STATE_NAME: self})
        self._inner.connection_made(self._transport)
        self._inner.data_received(head)

    def _end_within(self, seconds: float) -> None:
        self._deadline.cancel()
        self._deadline = self._loop.call_later(seconds, self.abort)
