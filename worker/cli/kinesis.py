"""The Kinesis client of the commands that record and feed streams, and its errors in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NotRequired, Protocol, TypedDict, TypeVar, cast

import boto3
import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection
from botocore.parsers import ResponseParserError

from worker.aws import BAD_CREDENTIALS, DENIED, NO_ANSWER, making_a_client
from worker.errors import Misconfigured, Unreachable, VoiceInsightsError

_OUT_OF_ORDER: Final = 500  # HTTP's statuses from here on
_LONGEST: Final = 300


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


class PutEntry(TypedDict):
    """One record of a PutRecords request."""

    Data: bytes
    PartitionKey: str


class PutResult(TypedDict):
    """What became of one record; an ``ErrorCode`` says that it was not taken."""

    ErrorCode: NotRequired[str | None]


class PutRecordsAnswer(TypedDict):
    """Results in the order of the request's records."""

    FailedRecordCount: int
    Records: list[PutResult]


class StreamWriter(Protocol):
    """What feeding a stream needs of a client."""

    def put_records(self, **arguments: Any) -> PutRecordsAnswer:
        """Put up to 500 records."""
        ...


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


def stream_argument(stream: str) -> dict[str, str]:
    """How a request names ``stream``, which may be a name or an ARN."""
    return {"StreamARN" if stream.startswith("arn:") else "StreamName": stream}


@contextmanager
def aws_errors(stream: str = "") -> Iterator[None]:
    """Turns what AWS refuses, or why it can't be asked, into an error of one line.

    Where it can't be reached, or is out of order, that is ``Unreachable``.
    """
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if code == "ResourceNotFoundException":
            raise Misconfigured(f"no stream {stream} in this account and region") from error
        if code in DENIED | BAD_CREDENTIALS:
            raise Misconfigured(_one_line(error)) from error
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        whose = Unreachable if status >= _OUT_OF_ORDER else VoiceInsightsError
        raise whose(_one_line(error)) from error
    except (NoConnection, HTTPClientError) as error:
        raise Unreachable(_one_line(error)) from error
    except BotoCoreError as error:
        raise Misconfigured(_one_line(error)) from error


@contextmanager
def expecting_an_answer() -> Iterator[None]:
    """Around a request and a look at its answer: one that isn't AWS's is ``Unreachable``."""
    try:
        yield
    except (ResponseParserError, *NO_ANSWER) as error:
        raise Unreachable(f"what answers is not Kinesis ({_one_line(error)})") from error


def error_code(error: ClientError) -> str:
    """The code by which AWS names an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST]


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
