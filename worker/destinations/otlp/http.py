"""One POST per attempt to a receiver of OTLP, by urllib3, with no retries of its own."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from ssl import SSLCertVerificationError
from time import monotonic
from typing import Final, Literal, NamedTuple, Protocol

import urllib3
from botocore.exceptions import BotoCoreError
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    SSLError,
)

from worker import __version__
from worker.aws.errors import drop_tracebacks, short_line, words_of
from worker.destinations.otlp.answers import Answer
from worker.destinations.otlp.signing import Signer

RequestCompression = Literal["gzip", "none"]

_LONGEST_ANSWER: Final = 1 << 20
_BEFORE_SENDING: Final = (ConnectTimeoutError, NewConnectionError, ProxyError)


class NoAnswer(NamedTuple):
    """An attempt without an answer: the reason, and whether the request can have been sent."""

    words: str
    was_sent: bool


class Receiver(Protocol):
    """A receiver of requests."""

    @property
    def url(self) -> str:
        """The address of the receiver."""
        ...

    def post(self, body: bytes) -> Answer | NoAnswer:
        """Make one attempt to deliver a request in protobuf."""
        ...


class HttpReceiver:
    """A receiver over HTTP/1.1. ``timeout_s``: for the connection, and again for the answer."""

    def __init__(
        self, url: str, signer: Signer, compression: RequestCompression, timeout_s: float
    ) -> None:
        self._url = url
        self._signer = signer
        self._compression = compression
        self._timeout_s: Final = timeout_s
        self._pool = urllib3.PoolManager(
            retries=False,
            timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s),
            maxsize=1,
        )

    @property
    def url(self) -> str:
        """The address of the receiver."""
        return self._url

    def post(self, body: bytes) -> Answer | NoAnswer:
        """See ``Receiver.post``. Follows no redirects, so that credentials reach no other host."""
        headers = {"content-type": "application/x-protobuf", "user-agent": _USER_AGENT}
        if self._compression == "gzip":
            body, headers["content-encoding"] = gzip.compress(body, 6, mtime=0), "gzip"
        try:
            signed = self._signer.headers(self._url, headers, body)
        except BotoCoreError as error:
            return NoAnswer(words_of(error), was_sent=False)
        try:
            return self._posted(signed, body)
        except (HTTPError, OSError) as error:
            drop_tracebacks(error)
            return NoAnswer(short_line(error), was_sent=not _is_before_sending(error))

    def _posted(self, headers: Mapping[str, str], body: bytes) -> Answer:
        response = self._pool.request(
            "POST", self._url, body=body, headers=headers, redirect=False, preload_content=False
        )
        try:
            read = self._read(response)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        named = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, named, read)

    def _read(self, response: BaseHTTPResponse) -> bytes:
        """Return the body of an answer, received within one timeout."""
        until = monotonic() + self._timeout_s
        read = bytearray()
        while len(read) < _LONGEST_ANSWER and (block := response.read1(decode_content=True)):
            read += block
            if monotonic() > until:
                raise TimeoutError(f"the answer took longer than {self._timeout_s:g} s")
        return bytes(read)


def _is_before_sending(error: BaseException) -> bool:
    """Whether there was no connection, or no trusted one, and so no request was sent."""
    if isinstance(error, SSLError):
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, SSLCertVerificationError):
            cause = next((a for a in cause.args if isinstance(a, BaseException)), cause.__cause__)
        return cause is not None
    return isinstance(error, _BEFORE_SENDING)


_USER_AGENT: Final = f"voice-insights-worker/{__version__}"
