"""A clock for an embedded AWS that advances only when its user sets it.

Simulated calls can then pass many times as fast as real ones, while each of their events is still
delivered with its usual delay: the worker's holds and timers depend on arrival times and on the
server's date, and need not be shortened.
"""

from __future__ import annotations

import json
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.request import Request, urlopen

PATH: Final = "/_driven_clock"
_GET_RECORDS: Final = ".GetRecords"
_PUTS: Final = (".PutRecord", ".PutRecords")
_ROUNDING_MS: Final = 1
"""Arrival times are in whole milliseconds, rounded either way."""

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class DrivenClock:
    """Wraps the WSGI application of an AWS that serves one request at a time.

    Once its time is set, records have their arrival times by this clock. The server must take the
    date of its responses from ``now_ms``. ``machine_ms``: the machine's clock, by which the
    application stamps records; ``wait``: a sleep in seconds of the machine's clock.
    """

    def __init__(
        self,
        application: Application,
        machine_ms: Callable[[], int],
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._application = application
        self._machine_ms = machine_ms
        self._wait = wait
        self._put_at = 0
        self._since: list[int] = []
        self._times: list[int] = []

    def now_ms(self) -> int:
        """The time in epoch ms: the one set last, else the machine's."""
        return self._times[-1] if self._times else self._machine_ms()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if environ["PATH_INFO"] == PATH:
            return self._set(environ, start_response)
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if self._times and target.endswith(_GET_RECORDS):
            return self._get_records(environ, start_response)
        answer = self._application(environ, start_response)
        if target.endswith(_PUTS):
            self._put_at = self._machine_ms()
        return answer

    def _set(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        # No earlier stamp may equal a later one, whichever way the two are rounded.
        while self._machine_ms() <= self._put_at + 2 * _ROUNDING_MS:
            self._wait(0.001)
        self._since.append(self._machine_ms() - _ROUNDING_MS)
        self._times.append(int(body))
        start_response("204 No Content", [])
        return []

    def _get_records(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        begun: list[tuple[str, list[tuple[str, str]]]] = []
        answer = self._application(environ, lambda *head: begun.append((head[0], head[1])))
        body = b"".join(answer)
        status, headers = begun[0]
        if status.startswith("200"):
            body = self._moved(body)
        kept = [pair for pair in headers if pair[0].lower() != "content-length"]
        start_response(status, [*kept, ("Content-Length", str(len(body)))])
        return [body]

    def _moved(self, body: bytes) -> bytes:
        """The body of a response, with its records' arrival times by this clock."""
        answer = json.loads(body)
        for record in answer["Records"]:
            stamp = round(record["ApproximateArrivalTimestamp"] * 1000)
            step = max(0, bisect_right(self._since, stamp) - 1)
            record["ApproximateArrivalTimestamp"] = self._times[step] / 1000
        return json.dumps(answer).encode()


class Driver:
    """Drives the clock of the embedded AWS at ``endpoint``, ``speed`` times as fast as real time,
    from ``now`` (epoch ms) on.
    """

    def __init__(self, endpoint: str, now: int, speed: float) -> None:
        self._url = endpoint + PATH
        self._now = now
        self._speed = speed
        self._send_time()

    def now_ms(self) -> int:
        """The time of the embedded AWS."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Sleep for seconds of the embedded AWS's time."""
        time.sleep(seconds / self._speed)
        self.skip(seconds)

    def skip(self, seconds: float) -> None:
        """Advance the embedded AWS's time by seconds at once."""
        self._now += round(seconds * 1000)
        self._send_time()

    def _send_time(self) -> None:
        request = Request(self._url, str(self._now).encode(), method="PUT")  # noqa: S310
        with urlopen(request):  # noqa: S310
            pass
