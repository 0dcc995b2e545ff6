"""AWS's errors as errors of one line that say whose fault they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    LoginError,
    MetadataRetrievalError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnection
from botocore.parsers import ResponseParserError

from worker.aws.answers import NotTheService
from worker.aws.clients import MALFORMED_RESPONSE, THROTTLED, endpoint_of
from worker.aws.secrets import safe_words
from worker.errors import Misconfigured, Unreachable
from worker.logs.credentials import without_credentials

_ON_THE_WAY: Final = (
    NoConnection,
    HTTPClientError,
    IncompleteReadError,
    ChecksumError,
    FlexibleChecksumError,
    MetadataRetrievalError,
)
"""Errors raised by botocore itself that may pass without an operator."""

EXPIRED_TOKEN_CODES: Final = frozenset({"ExpiredToken", "ExpiredTokenException"})
"""Error codes of credentials that have expired for good."""

_SIGN_IN: Final = (LoginError, SSOError, TokenRetrievalError)

_PASSING: Final = frozenset({408, 429})
_OUT_OF_ORDER: Final = 500  # HTTP's statuses from here on
_LONGEST: Final = 300
"""The longest text of an answer that may come from anywhere; AWS's own messages are kept whole."""


@contextmanager
def aws_errors(stream: str = "") -> Iterator[None]:
    """Turn botocore's exceptions into errors of one line.

    Raises ``Misconfigured`` if AWS refuses the request or it can't be made, and ``Unreachable`` if
    AWS can't be reached, fails, or throttles the request.
    """
    try:
        yield
    except ClientError as error:
        raise _refusal(error, stream) from error
    except NotTheService as error:
        raise Unreachable(one_line(error)) from error
    except BotoCoreError as error:
        kind = Unreachable if passes(error) else Misconfigured
        raise kind(words_of(error)) from error


@contextmanager
def expecting_an_answer(service: str, client: object = None) -> Iterator[None]:
    """Raise ``Unreachable`` if an answer to a request of ``client`` in the block isn't AWS's."""
    address = endpoint_of(client)
    where = f" (at {address})" if address else ""
    try:
        yield
    except NotTheService as error:
        raise Unreachable(f"{one_line(error)}{where}") from error
    except (ResponseParserError, *MALFORMED_RESPONSE) as error:
        raise Unreachable(f"{not_of(service, error)}{where}") from error


def _refusal(error: ClientError, stream: str) -> Misconfigured | Unreachable:
    code, text = str(error.response.get("Error", {}).get("Code", "")), words_of(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if stream and code == "ResourceNotFoundException":
        return Misconfigured(f"no stream {stream} in this account and region")
    if code in THROTTLED or status in _PASSING or status >= _OUT_OF_ORDER:
        return Unreachable(text)
    return Misconfigured(text)


def drop_tracebacks(error: BaseException) -> None:
    """Drop the tracebacks of a handled error and of the errors behind it.

    The frames of botocore and urllib3 hold the error, the request and what they have read of the
    answer, and the error's traceback holds the frames. Only the garbage collector frees such a
    cycle, and in a worker with few calls it runs seldom.
    """
    waiting: list[BaseException | None] = [error]
    dropped: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in dropped:
            dropped.add(id(one))
            one.__traceback__ = None
            waiting += [one.__cause__, one.__context__]


def passes(error: BotoCoreError) -> bool:
    """Whether an error raised by botocore itself may pass; otherwise an operator must fix its
    cause: credentials, a profile, a configuration.
    """
    return isinstance(error, _ON_THE_WAY)


def not_of(service: str, error: Exception) -> str:
    """The message for an answer that is not the service's; ``error`` was raised by reading it."""
    missing = f", it has no {error.args[0]}" if isinstance(error, KeyError) else ""
    return f"what answers is not {service} ({type(error).__name__}{missing})"


def found_expired(error: BaseException | None) -> bool:
    """Whether AWS refused a call, and did nothing, because the credentials have expired."""
    if not isinstance(error, ClientError):
        return False
    return error.response.get("Error", {}).get("Code") in EXPIRED_TOKEN_CODES


def words_of(error: Exception) -> str:
    """The part of an error's text that may be shown, in one line: AWS's message whole, and the
    beginning of botocore's, but never one that may quote a header or a password.
    """
    text = one_line(error) if isinstance(error, ClientError) else short_line(error)
    if found_expired(error):
        return f"{text.removesuffix('.')}; renew the credentials"
    return f"{text}: sign in again" if isinstance(error, _SIGN_IN) else text


def one_line(text: object) -> str:
    """A text without line breaks, or the safe words of an error; without credentials."""
    words = safe_words(text) if isinstance(text, BaseException) else without_credentials(str(text))
    return " ".join(words.split())


def short_line(text: object) -> str:
    """The first 300 characters of ``one_line``."""
    return one_line(text)[:_LONGEST]
