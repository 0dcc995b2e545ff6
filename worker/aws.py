"""What all clients of AWS have in common here: no silent retries, and who can mend an error."""

from __future__ import annotations

from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import (
    CredentialRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    TokenRetrievalError,
)

_CONNECT_TIMEOUT_S: Final = 5
_READ_TIMEOUT_S: Final = 10

OPERATORS: Final = (
    CredentialRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    TokenRetrievalError,
)
"""Errors of botocore's own that trying again doesn't mend: an operator has to."""


def one_attempt(threads: int, **more: Any) -> Config:
    """A client's configuration for calls that are paced, counted and repeated by the caller.

    ``threads``: how many will call at once; ``more``: further fields of botocore's ``Config``.
    """
    return Config(
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_READ_TIMEOUT_S,
        max_pool_connections=threads,
        tcp_keepalive=True,
        **more,
    )
