"""Ends closed shards where the service doesn't. Pure."""

from __future__ import annotations

from worker.sources.kinesis.api import KinesisApi, RecordsAnswer, StreamFailure
from worker.sources.kinesis.lineage import ShardInfo, StreamDescription, children_of
from worker.stream.position import Position


class ClosedShardsEnd:
    """A stream whose closed shards end once they have nothing more to read.

    Kinesis ends them itself; moto's server returns another iterator for ever, so that their child
    shards would never be read.
    """

    def __init__(self, api: KinesisApi) -> None:
        self._api = api
        self._shards: tuple[ShardInfo, ...] = ()

    def describe(self) -> StreamDescription | StreamFailure:
        """See ``KinesisApi.describe``."""
        description = self._api.describe()
        if isinstance(description, StreamDescription):
            self._shards = description.shards
        return description

    def shard_iterator(self, shard: str, position: Position) -> str | StreamFailure:
        """See ``KinesisApi.shard_iterator``."""
        return self._api.shard_iterator(shard, position)

    def get_records(self, shard: str, iterator: str) -> RecordsAnswer | StreamFailure:
        """See ``KinesisApi.get_records``."""
        children = children_of(shard, self._shards)
        answer = self._api.get_records(shard, iterator)
        if (
            isinstance(answer, StreamFailure)
            or answer.records
            or answer.millis_behind
            or not children
        ):
            return answer
        return answer._replace(next_iterator=None, children=children)
