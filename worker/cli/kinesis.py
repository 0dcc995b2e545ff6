"""The Kinesis client of the commands that record and feed streams."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NotRequired, Protocol, TypedDict, TypeVar, cast

import boto3
import click
from botocore.config import Config

from worker.aws.clients import making_a_client
from worker.producer.put_records import StreamWriter


class RawRecord(TypedDict):
    """A record as boto3 gives it."""

    SequenceNumber: str
    ApproximateArrivalTimestamp: datetime
    Data: bytes
    PartitionKey: str


class GetRecordsAnswer(TypedDict):
    """``NextShardIterator`` is missing or None at the end of a closed shard."""

    Records: list[RawRecord]
    NextShardIterator: NotRequired[str | None]
    MillisBehindLatest: NotRequired[int]


class StreamReader(Protocol):
    """What recording a stream needs of a client."""

    def list_shards(self, **arguments: Any) -> dict[str, Any]:
        """One page of the stream's shards."""
        ...

    def get_shard_iterator(self, **arguments: Any) -> dict[str, str]:
        """A place in a shard."""
        ...

    def get_records(self, **arguments: Any) -> GetRecordsAnswer:
        """What a shard holds from a place on."""
        ...


class KinesisClient(StreamReader, StreamWriter, Protocol):
    """Both."""


def kinesis_client(endpoint_url: str | None, region: str | None) -> KinesisClient:
    """A client by the usual AWS settings, but for what is given here.

    Raises Misconfigured if no region is set anywhere.
    """
    config = Config(retries={"mode": "standard", "total_max_attempts": 8})
    with making_a_client("Kinesis"):
        client = boto3.client(
            "kinesis", endpoint_url=endpoint_url, region_name=region, config=config
        )
    return cast("KinesisClient", client)


_Command = TypeVar("_Command", bound=Callable[..., Any])


def aws_options(command: _Command) -> _Command:
    """The options ``--endpoint-url`` and ``--region`` of a command."""
    region = click.option(
        "--region",
        metavar="NAME",
        envvar="VOICE_INSIGHTS_REGION",
        show_envvar=True,
        help="AWS region, else as AWS is set up.",
    )
    endpoint = click.option(
        "--endpoint-url",
        metavar="URL",
        envvar="VOICE_INSIGHTS_ENDPOINT_URL",
        show_envvar=True,
        help="Another AWS, such as an emulator's.",
    )
    return endpoint(region(command))
