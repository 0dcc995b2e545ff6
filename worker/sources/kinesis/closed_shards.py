"""An end for closed shards where the service gives none. Pure."""

from __future__ import annotations

from worker.sources.kinesis.api import Answer, Failure, KinesisApi
from worker.sources.kinesis.lineage import ShardInfo, Survey, children_of
from worker.stream.position import Position


class ClosedShardsEnd:
    """A stream whose closed shards come to an end where they have nothing more to read.

    Kinesis ends them itself; moto's server gives another iterator for ever, so that the shards
    that came from one would never be read.
    """

    def __init__(self, api: KinesisApi) -> None:
        self._api = api
        self._shards: tuple[ShardInfo, ...] = ()

    def survey(self) -> Survey | Failure:
        """See ``KinesisApi.survey``."""
        survey = self._api.survey()
        if isinstance(survey, Survey):
            self._shards = survey.shards
        return survey

    def shard_iterator(self, shard: str, position: Position) -> str | Failure:
        """See ``KinesisApi.shard_iterator``."""
        return self._api.shard_iterator(shard, position)

    def get_records(self, shard: str, iterator: str) -> Answer | Failure:
        """See ``KinesisApi.get_records``."""
        children = children_of(shard, self._shards)
        answer = self._api.get_records(shard, iterator)
        if isinstance(answer, Failure) or answer.records or answer.millis_behind or not children:
            return answer
        return answer._replace(next_iterator=None, children=children)
