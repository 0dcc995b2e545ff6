"""Creates the keyed stream for ``fleet init``, or checks an existing one. Shell."""

from __future__ import annotations

from typing import Any, Final, Protocol

import boto3
from botocore.exceptions import ClientError

from worker.aws.clients import client_errors
from worker.aws.errors import aws_errors, expecting_an_answer
from worker.errors import Misconfigured
from worker.fleet.streams import stream_name
from worker.producer.put_records import stream_argument

LEAST_RETENTION_H: Final = 168
"""The shortest retention of a keyed stream (hours): a router's checkpoint advances once the keyed
stream has a record, so the stream has to keep it for as long as partitions may be down.
"""


class StreamMaker(Protocol):
    """The part of a Kinesis client that creates and describes streams."""

    def describe_stream_summary(self, **request: object) -> dict[str, Any]: ...  # noqa: D102

    def create_stream(self, **request: object) -> object: ...  # noqa: D102

    def increase_stream_retention_period(self, **request: object) -> object: ...  # noqa: D102

    def start_stream_encryption(self, **request: object) -> object: ...  # noqa: D102

    def get_waiter(self, name: str) -> Any: ...  # noqa: D102


def stream_maker(session: boto3.Session, region: str | None, endpoint: str | None) -> StreamMaker:
    """Return a client of Kinesis. Raises ``Misconfigured`` if there is no region."""
    with client_errors("Kinesis"):
        client: StreamMaker = session.client("kinesis", region_name=region, endpoint_url=endpoint)
    return client


def make_keyed_stream(client: StreamMaker, source: str, keyed: str, shards: int) -> None:
    """Make a provisioned stream that keeps records for at least as long as ``source``, encrypted
    if that is, with the same key. An existing stream, as of an interrupted attempt, is kept, and
    only missing settings are made up for. ``keyed``: a name or an ARN.
    """
    with aws_errors(), expecting_an_answer("Kinesis", client):
        theirs = _summary(client, source)
        try:
            client.create_stream(
                StreamName=stream_name(keyed),
                ShardCount=shards,
                StreamModeDetails={"StreamMode": "PROVISIONED"},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceInUseException":
                raise
        _wait(client, keyed)
        ours = _summary(client, keyed)
        if _mode(ours) == "PROVISIONED":
            _complete(client, keyed, ours, theirs)


def _complete(
    client: StreamMaker, keyed: str, ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    """Raise the retention of a stream, and encrypt it, as far as necessary."""
    hours = max(LEAST_RETENTION_H, _hours(theirs))
    if _hours(ours) < hours:
        client.increase_stream_retention_period(
            **stream_argument(keyed), RetentionPeriodHours=hours
        )
        _wait(client, keyed)
    if theirs.get("EncryptionType") == "KMS" and ours.get("EncryptionType") != "KMS":
        client.start_stream_encryption(
            **stream_argument(keyed), EncryptionType="KMS", KeyId=theirs["KeyId"]
        )
        _wait(client, keyed)


def require_fit(client: StreamMaker, source: str, keyed: str) -> None:
    """Raise ``Misconfigured`` for a keyed stream that can't carry a fleet's records: an on-demand
    one, which may ignore explicit hash keys, or one with too short a retention.
    """
    with aws_errors(), expecting_an_answer("Kinesis", client):
        ours, theirs = _summary(client, keyed), _summary(client, source)
    mode = _mode(ours)
    if mode != "PROVISIONED":
        raise Misconfigured(
            f"fleet_stream: {keyed} is {mode}: switch it to PROVISIONED, for each bucket must be "
            "on the shard that its hash key names"
        )
    kept, wanted = _hours(ours), _hours(theirs)
    if kept < wanted:
        raise Misconfigured(
            f"fleet_stream: {keyed} keeps records for {kept} hours, and {source} for {wanted}: "
            f"raise its retention to {wanted} hours at least"
        )


def _summary(client: StreamMaker, stream: str) -> dict[str, Any]:
    summary: dict[str, Any] = client.describe_stream_summary(**stream_argument(stream))[
        "StreamDescriptionSummary"
    ]
    return summary


def _wait(client: StreamMaker, stream: str) -> None:
    client.get_waiter("stream_exists").wait(**stream_argument(stream))


def _mode(summary: dict[str, Any]) -> str:
    return str(summary.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED"))


def _hours(summary: dict[str, Any]) -> int:
    return int(summary.get("RetentionPeriodHours", 24))
