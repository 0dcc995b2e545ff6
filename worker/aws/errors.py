"""What AWS answers to a command and isn't what was asked for: whose fault that is, in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection
from botocore.parsers import ResponseParserError

from worker.aws.clients import NO_ANSWER, THROTTLED
from worker.aws.secrets import safe_words
from worker.errors import Misconfigured, Unreachable
from worker.logs.credentials import without_credentials

_PASSING: Final = frozenset({408, 429})
_OUT_OF_ORDER: Final = 500  # HTTP's statuses from here on
_LONGEST: Final = 300
"""Of what anybody may have answered; what AWS says is told whole."""


@contextmanager
def aws_errors(stream: str = "") -> Iterator[None]:
    """Turns what botocore raises into an error of one line.

    Raises ``Misconfigured`` for what AWS refuses and for what keeps it from being asked, and
    ``Unreachable`` where it can't be reached, is out of order, or was asked too much.
    """
    try:
        yield
    except ClientError as error:
        raise _refusal(error, stream) from error
    except (NoConnection, HTTPClientError) as error:
        raise Unreachable(one_line(error)) from error
    except BotoCoreError as error:
        raise Misconfigured(one_line(error)) from error


@contextmanager
def expecting_an_answer(service: str) -> Iterator[None]:
    """Around a request and a look at its answer: one that isn't AWS's is ``Unreachable``."""
    try:
        yield
    except (ResponseParserError, *NO_ANSWER) as error:
        text = short_line(error)
        raise Unreachable(f"what answers is not {service} ({text})") from error


def _refusal(error: ClientError, stream: str) -> Misconfigured | Unreachable:
    code, text = str(error.response.get("Error", {}).get("Code", "")), one_line(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if stream and code == "ResourceNotFoundException":
        return Misconfigured(f"no stream {stream} in this account and region")
    if code in THROTTLED or status in _PASSING or status >= _OUT_OF_ORDER:
        return Unreachable(text)
    return Misconfigured(text)


def one_line(text: object) -> str:
    """A text without its line ends, or what may be told of an error; no credentials in it."""
    told = safe_words(text) if isinstance(text, BaseException) else without_credentials(str(text))
    return " ".join(told.split())


def short_line(text: object) -> str:
    """The beginning of it, 300 characters at most."""
    return one_line(text)[:_LONGEST]
