"""The common ground of all AWS clients: no silent retries, and errors by who can fix them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, NoRegionError

from worker import __version__
from worker.aws.secrets import safe_words
from worker.errors import Misconfigured

_CONNECT_TIMEOUT_S: Final = 5
_READ_TIMEOUT_S: Final = 10
_USER_AGENT: Final = f"voice-insights-worker/{__version__} Boto3/{boto3.__version__}"
"""The whole user agent; botocore would build its own at each call, a twentieth of a call's time."""

THROTTLED: Final = frozenset(
    {
        *("ProvisionedThroughputExceededException", "LimitExceededException"),
        *("Throttling", "ThrottlingException", "KMSThrottlingException"),
        *("RequestLimitExceeded", "TooManyRequestsException"),
    }
)
"""Error codes of throttled requests."""

MALFORMED_RESPONSE: Final = (
    AttributeError,
    KeyError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""The exceptions, besides its own errors, that botocore raises for a body that is not AWS's, such
as a proxy's page: it expects every field to exist and to have its type.
"""
_USER_IN_ADDRESS: Final = re.compile(r"(?<=://)[^/?#\s@]+@")
"""A name, and perhaps a password, in a URL."""


def no_retry_config(threads: int, **more: Any) -> Config:
    """A client's configuration for a caller that paces, counts and retries its calls itself.

    ``threads``: the number of concurrent calls; ``more``: further fields of botocore's ``Config``.
    """
    return Config(
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_READ_TIMEOUT_S,
        max_pool_connections=threads,
        tcp_keepalive=True,
        user_agent=_USER_AGENT,
        **more,
    )


def endpoint_of(client: object) -> str:
    """The address that a client calls, for messages; empty if it is not a boto3 client."""
    address = str(getattr(getattr(client, "meta", None), "endpoint_url", ""))
    return _USER_IN_ADDRESS.sub("", address)


@contextmanager
def client_errors(service: str) -> Iterator[None]:
    """Raise ``Misconfigured`` for botocore's errors in making a client of ``service``."""
    try:
        yield
    except NoRegionError as error:
        raise Misconfigured(
            f"no region for {service}: give --region, or set VOICE_INSIGHTS_REGION or "
            "AWS_DEFAULT_REGION"
        ) from error
    except (BotoCoreError, ValueError) as error:
        raise Misconfigured(f"{service}: {safe_words(error)}") from error
