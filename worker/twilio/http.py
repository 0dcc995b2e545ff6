"""The HTTP client of Twilio's REST APIs, with retries, and without credentials in messages.

Needs httpx, which the extra ``twilio`` installs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import httpx

from worker import __version__
from worker.backoff import retry_after_s
from worker.errors import Misconfigured, Unreachable
from worker.twilio.credentials import TwilioCredentials
from worker.twilio.rest import OUT_OF_ORDER, TOO_MANY, Parameters, RestAnswer
from worker.twilio.retrying import ATTEMPTS, LONGEST_RETRY_AFTER_S, pause_s

_TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
_TIMED_OUT: Final = 408
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class TwilioRest:
    """One of the REST APIs, at a base address such as ``https://insights.twilio.com``.

    A request that was certainly not carried out is retried, up to 8 attempts in all, after pauses
    with full jitter; so is a GET that may have been. Redirects are not followed. ``sleep`` takes
    seconds, ``random`` returns numbers from 0 up to, but not including, 1.
    """

    def __init__(
        self,
        client: httpx.Client,
        base: str,
        sleep: Callable[[float], object],
        random: Callable[[], float],
    ) -> None:
        self._client = client
        self._base = base.rstrip("/")
        self._host = httpx.URL(base).host
        self._sleep = sleep
        self._random = random

    def get(self, path: str, parameters: Parameters) -> RestAnswer:
        """GET ``path``."""
        return self._answer("GET", path, lambda url: self._client.get(url, params=parameters))

    def post(self, path: str, form: Parameters) -> RestAnswer:
        """POST a form to ``path``."""
        return self._answer("POST", path, lambda url: self._client.post(url, data=form))

    def _answer(self, method: str, path: str, ask: Callable[[str], httpx.Response]) -> RestAnswer:
        failures = 0
        while True:
            answer, again, why = self._once(f"{self._base}{path}", method == "GET", ask)
            if answer is not None and not why:
                return RestAnswer(answer.status_code, answer.content)
            failures += 1
            asked_s = 0.0 if answer is None else retry_after_s(dict(answer.headers))
            if not again or failures == ATTEMPTS or asked_s > LONGEST_RETRY_AFTER_S:
                raise self._gave_up(method, path, why, again=again)
            self._sleep(pause_s(failures, asked_s, self._random))

    def _once(
        self, url: str, is_get: bool, ask: Callable[[str], httpx.Response]
    ) -> tuple[httpx.Response | None, bool, str]:
        """The answer, if any; whether to retry; what is wrong, empty if nothing."""
        try:
            answer = ask(url)
        except _NOT_SENT as error:
            return None, True, _plainly(error)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return None, is_get, _plainly(error)
        status = answer.status_code
        if status == TOO_MANY:
            return answer, True, "too many requests (429)"
        if status == _TIMED_OUT or status >= OUT_OF_ORDER:
            return answer, is_get, f"it answers {status}"
        return answer, False, ""

    def _gave_up(self, method: str, path: str, why: str, *, again: bool) -> Unreachable:
        doubt = "" if again else "; the request may or may not have been carried out"
        return Unreachable(f"{self._host} can't be reached ({method} {path}): {why}{doubt}")


@contextmanager
def http_client(credentials: TwilioCredentials) -> Iterator[httpx.Client]:
    """Make a client that sends the credentials with each request; the block's end closes it.

    Raises ``Misconfigured`` if this machine's proxy or TLS settings are invalid.
    """
    try:
        client = httpx.Client(
            auth=(credentials.user, credentials.secret),
            timeout=_TIMEOUT,
            follow_redirects=False,
            headers={"User-Agent": f"voice-insights-worker/{__version__}"},
        )
    except (httpx.InvalidURL, ValueError, OSError, ImportError) as error:
        kind = type(error).__name__
        raise Misconfigured(
            f"no HTTP client for Twilio ({kind}): check HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE"
        ) from None
    with client:
        yield client


def _plainly(error: Exception) -> str:
    """A description of a library's error, without the library's own text."""
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.ProxyError):
        return "the proxy refused it"
    if isinstance(error, httpx.ConnectError):
        return "no connection"
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        return "the connection broke off"
    return f"no answer ({type(error).__name__})"
