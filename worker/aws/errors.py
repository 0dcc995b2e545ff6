"""What AWS answers to a command and isn't what was asked for: whose fault that is, in one line."""

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
"""Errors of botocore's own that the network or the service may stop by itself."""

EXPIRED_TOKEN_CODES: Final = frozenset({"ExpiredToken", "ExpiredTokenException"})
"""Codes of errors: these credentials are over for good."""

_SIGN_IN: Final = (LoginError, SSOError, TokenRetrievalError)

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
    except NotTheService as error:
        raise Unreachable(one_line(error)) from error
    except BotoCoreError as error:
        kind = Unreachable if passes(error) else Misconfigured
        raise kind(words_of(error)) from error


@contextmanager
def expecting_an_answer(service: str, client: object = None) -> Iterator[None]:
    """Around requests of ``client`` and a look at their answers: one that isn't AWS's is
    ``Unreachable``.
    """
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


def passes(error: BotoCoreError) -> bool:
    """Whether an error of botocore's own may pass by itself; else an operator has to mend it:
    credentials, a profile, a configuration.
    """
    return isinstance(error, _ON_THE_WAY)


def not_of(service: str, error: Exception) -> str:
    """That an answer is none of the service's; ``error`` is what reading it came to."""
    missing = f", it has no {error.args[0]}" if isinstance(error, KeyError) else ""
    return f"what answers is not {service} ({type(error).__name__}{missing})"


def words_of(error: Exception) -> str:
    """What may be passed on of an error in one line: AWS's own words, and the beginning of
    botocore's, but none that may quote a header or a password.
    """
    told = one_line(error) if isinstance(error, ClientError) else short_line(error)
    if (
        isinstance(error, ClientError)
        and error.response.get("Error", {}).get("Code") in EXPIRED_TOKEN_CODES
    ):
        return f"{told.removesuffix('.')}; renew the credentials"
    return f"{told}: sign in again" if isinstance(error, _SIGN_IN) else told


def one_line(text: object) -> str:
    """A text without its line ends, or what may be told of an error; no credentials in it."""
    told = safe_words(text) if isinstance(text, BaseException) else without_credentials(str(text))
    return " ".join(told.split())


def short_line(text: object) -> str:
    """The beginning of it, 300 characters at most."""
    return one_line(text)[:_LONGEST]
