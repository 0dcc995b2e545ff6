"""The Kinesis client of the commands that put records into streams, and its options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import click
from botocore.config import Config

from worker.aws.clients import client_errors
from worker.aws.sessions import open_session
from worker.producer.put_records import StreamWriter


def kinesis_client(endpoint_url: str | None, region: str | None) -> StreamWriter:
    """Make a client from the usual AWS configuration, except for the arguments given.

    Raises ``Misconfigured`` if no region is configured anywhere.
    """
    config = Config(retries={"mode": "standard", "total_max_attempts": 8})
    with client_errors("Kinesis"):
        client = open_session().client(
            "kinesis", endpoint_url=endpoint_url, region_name=region, config=config
        )
    return cast("StreamWriter", client)


_Command = TypeVar("_Command", bound=Callable[..., Any])


def aws_options(command: _Command) -> _Command:
    """Add the options ``--endpoint-url`` and ``--region`` to a command."""
    region = click.option(
        "--region",
        metavar="NAME",
        envvar="VOICE_INSIGHTS_REGION",
        show_envvar=True,
        help="AWS region.  [default: from the AWS configuration]",
    )
    endpoint = click.option(
        "--endpoint-url",
        metavar="URL",
        envvar="VOICE_INSIGHTS_ENDPOINT_URL",
        show_envvar=True,
        help="URL to use instead of AWS, such as an emulator's.",
    )
    return endpoint(region(command))
