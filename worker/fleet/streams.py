"""The two streams of a fleet, checked to be those of its layout. Shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import boto3
import msgspec

from worker.aws.clients import client_errors, no_retry_config
from worker.aws.errors import aws_errors, expecting_an_answer, found_expired
from worker.errors import StreamReplaced, Unreachable, VoiceInsightsError
from worker.producer.put_records import stream_argument
from worker.sources.kinesis.answers import KinesisResponse, checked
from worker.sources.kinesis.lineage import StreamDescription
from worker.times.rfc3339 import format_ms

_ATTEMPTS: Final = 20
_AGAIN_S: Final = 0.5


def stream_identity(description: StreamDescription) -> str:
    """Return a stream's name, unique in all of AWS, with its creation."""
    return f"{description.arn}, created {format_ms(description.created)}"


def require_stream_of(layout: str, description: StreamDescription) -> None:
    """Raise ``StreamReplaced`` unless the stream is the one that ``layout`` names, its identity."""
    found = stream_identity(description)
    if found != layout:
        raise StreamReplaced(f"the layout belongs to {layout}, and not to {found}")


def stream_name(stream: str) -> str:
    """Return the name in a stream's name or ARN."""
    return stream.rpartition("stream/")[2]


def may_pass(error: VoiceInsightsError) -> bool:
    """Whether a failed call may succeed if retried: Kinesis didn't answer, or the credentials had
    expired, which are looked up again.
    """
    return isinstance(error, Unreachable) or found_expired(error.__cause__)


class _Range(msgspec.Struct):
    StartingHashKey: str
    EndingHashKey: str


class _RangedShard(msgspec.Struct):
    ShardId: str
    HashKeyRange: _Range


class _RangesPage(msgspec.Struct):
    Shards: list[_RangedShard]
    NextToken: str | None = None


class _ShardLister(Protocol):
    def list_shards(self, **request: object) -> KinesisResponse: ...


class HashRanges:
    """The hash keys of a stream's shards. ``sleep``: called with seconds before another attempt to
    find a shard that isn't listed yet.
    """

    def __init__(self, client: _ShardLister, stream: str, sleep: Callable[[float], object]) -> None:
        self._client = client
        self._stream = stream
        self._sleep = sleep

    def of(self, shard: str) -> tuple[int, int]:
        """Return the first and the last hash key of a shard. A listing that fails is retried.
        Raises ``VoiceInsightsError`` if the stream doesn't list the shard, or can't be asked.
        """
        failure = VoiceInsightsError(f"{self._stream} has no shard {shard}")
        for _ in range(_ATTEMPTS):
            try:
                found = self._listed().get(shard)
            except VoiceInsightsError as error:
                if not may_pass(error):
                    raise
                failure = error
            else:
                if found is not None:
                    return found
            self._sleep(_AGAIN_S)
        raise failure

    def _listed(self) -> dict[str, tuple[int, int]]:
        shards: list[_RangedShard] = []
        request: dict[str, object] = {**stream_argument(self._stream)}
        while True:
            with aws_errors(self._stream), expecting_an_answer("Kinesis", self._client):
                page = checked(self._client.list_shards(**request), _RangesPage)
            shards += page.Shards
            if not page.NextToken:
                break
            request = {"NextToken": page.NextToken}
        return {
            one.ShardId: (
                int(one.HashKeyRange.StartingHashKey),
                int(one.HashKeyRange.EndingHashKey),
            )
            for one in shards
        }


def hash_ranges(
    session: boto3.Session,
    stream: str,
    region: str | None,
    endpoint: str | None,
    sleep: Callable[[float], object],
) -> HashRanges:
    """Return the hash keys of the shards of ``stream``, a name or an ARN."""
    with client_errors("Kinesis"):
        client = session.client(
            "kinesis", region_name=region, endpoint_url=endpoint, config=no_retry_config(4)
        )
    return HashRanges(client, stream, sleep)
