"""Options, credentials and clients of the commands in the group ``twilio``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from random import random
from time import sleep
from typing import Any, Final, Literal, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

import click

from worker.aws.clients import client_errors, no_retry_config
from worker.aws.errors import aws_errors, expecting_an_answer
from worker.aws.sessions import open_session
from worker.errors import Misconfigured
from worker.twilio.credentials import find_credentials
from worker.twilio.rest import Rest

_Command = TypeVar("_Command", bound=Callable[..., Any])
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Bases(NamedTuple):
    """The base addresses of Voice Insights and of Event Streams."""

    insights: str = "https://insights.twilio.com"
    events: str = "https://events.twilio.com"


class Twilio(NamedTuple):
    """Clients of the two APIs."""

    insights: Rest
    events: Rest


def address_option(interface: Literal["insights", "events"]) -> Callable[[_Command], _Command]:
    """Add the option ``--insights-url`` or ``--events-url`` to a command."""
    return click.option(
        f"--{interface}-url",
        metavar="URL",
        default=getattr(Bases(), interface),
        show_default=True,
        envvar=f"TWILIO_{interface.upper()}_URL",
        show_envvar=True,
        help="Address to use instead of Twilio's, such as a mock server's.",
    )


@contextmanager
def connected(bases: Bases, region: str | None, endpoint_url: str | None) -> Iterator[Twilio]:
    """Connect to Twilio's APIs, with credentials from the environment or AWS Secrets Manager.

    Raises ``Misconfigured`` without httpx, without credentials, and for an address to which the
    credentials would be sent unencrypted.
    """
    if find_spec("httpx") is None:
        raise Misconfigured(
            "the twilio commands need httpx; in a checkout of the repository: "
            "pip install '.[twilio]'"
        )
    from worker.twilio.http import TwilioRest, http_client

    for base in bases:
        _require_private(base)
    credentials = find_credentials(os.environ, lambda name: read_secret(name, region, endpoint_url))
    with http_client(credentials) as client:
        yield Twilio(*(TwilioRest(client, base, sleep, random) for base in bases))


def _require_private(base: str) -> None:
    try:
        parts = urlsplit(base)
        fits = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        fits = False
    if fits and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    ):
        return
    raise Misconfigured(
        "Twilio's address must be https://HOST, or http://127.0.0.1:PORT for a local mock server"
    )


def read_secret(name: str, region: str | None, endpoint_url: str | None) -> str:
    """The text of a secret in AWS Secrets Manager, by its name or ARN."""
    with client_errors("Secrets Manager"):
        client = open_session().client(
            "secretsmanager",
            region_name=region,
            endpoint_url=endpoint_url,
            config=no_retry_config(1),
        )
    with aws_errors(), expecting_an_answer("Secrets Manager", client):
        answer = client.get_secret_value(SecretId=name)
        return cast("str", answer.get("SecretString", ""))
