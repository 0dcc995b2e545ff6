"""Conversion of Kinesis's answers, once checked, to the reader's values. Pure.

Whether an answer is Kinesis's at all has been decided before: by the typed pass of
``typed_answers``, or by ``checked`` for an answer that botocore parsed, which takes every field to
be there and of its type. A failure here is a defect of the worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

import msgspec

from worker.sources.kinesis.api import RecordsAnswer
from worker.sources.kinesis.clocks import ClockDoubt
from worker.sources.kinesis.lineage import ShardInfo, StreamDescription
from worker.sources.kinesis.typed_answers import TypedAnswer, TypedChild
from worker.stream.record import Record

KinesisResponse = Mapping[str, Any]
Dated = int | ClockDoubt | None
"""The time of an answer (epoch ms), the clocks that contradict each other, or None if undated."""

_T = TypeVar("_T")

_whole: Final = float.__round__
"""The method that ``round`` looks up at each call; the look-up is a quarter of the cost of making a
Record.
"""

_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class StreamSummary(msgspec.Struct):
    """The stream in an answer of DescribeStreamSummary; only the fields used."""

    StreamARN: str
    StreamCreationTimestamp: _Instant
    RetentionPeriodHours: int


class SummaryAnswer(msgspec.Struct):
    """An answer of DescribeStreamSummary."""

    StreamDescriptionSummary: StreamSummary


class ListedShard(msgspec.Struct):
    """A shard of ListShards; only the fields used."""

    ShardId: str
    ParentShardId: str | None = None
    AdjacentParentShardId: str | None = None

    @property
    def info(self) -> ShardInfo:
        """The shard and its parents."""
        parents = (self.ParentShardId, self.AdjacentParentShardId)
        return ShardInfo(self.ShardId, tuple(parent for parent in parents if parent))


class ListingPage(msgspec.Struct):
    """An answer of ListShards."""

    Shards: list[ListedShard]
    NextToken: str | None = None


class IteratorAnswer(msgspec.Struct):
    """An answer of GetShardIterator."""

    ShardIterator: str


class ParsedRecord(msgspec.Struct):
    """A record of GetRecords as parsed by botocore."""

    SequenceNumber: str
    ApproximateArrivalTimestamp: _Instant
    Data: bytes
    PartitionKey: str


class ParsedAnswer(msgspec.Struct):
    """An answer of GetRecords as parsed by botocore."""

    Records: list[ParsedRecord]
    NextShardIterator: str | None = None
    MillisBehindLatest: int | None = None
    ChildShards: list[TypedChild] | None = None


def checked(fields: KinesisResponse, kind: type[_T]) -> _T:
    """Convert fields that botocore parsed to a ``kind``. Raises ``msgspec.ValidationError`` if they
    don't fit.
    """
    return msgspec.convert(fields, kind)


def description_of(
    summary: StreamSummary, date: Dated, shards: list[ListedShard]
) -> StreamDescription:
    """Return the stream's description from its summary and shards."""
    doubt = date if isinstance(date, ClockDoubt) else None
    return StreamDescription(
        summary.StreamARN,
        epoch_ms(summary.StreamCreationTimestamp),
        summary.RetentionPeriodHours * 3_600_000,
        None if isinstance(date, ClockDoubt) else date,
        tuple(shard.info for shard in shards),
        doubt,
    )


def answer_of_typed(shard: str, answer: TypedAnswer, date: Dated) -> RecordsAnswer:
    """Return the answer that the typed pass decoded."""
    records = [
        Record(
            shard,
            record.SequenceNumber,
            _whole(record.ApproximateArrivalTimestamp * 1000),
            record.Data,
            record.PartitionKey,
        )
        for record in answer.Records
    ]
    return _answer(records, answer, date)


def answer_of_parsed(shard: str, answer: ParsedAnswer, date: Dated) -> RecordsAnswer:
    """Return the answer that botocore parsed."""
    records = [
        Record(
            shard,
            record.SequenceNumber,
            epoch_ms(record.ApproximateArrivalTimestamp),
            record.Data,
            record.PartitionKey,
        )
        for record in answer.Records
    ]
    return _answer(records, answer, date)


def _answer(
    records: list[Record], answer: TypedAnswer | ParsedAnswer, date: Dated
) -> RecordsAnswer:
    doubt = date if isinstance(date, ClockDoubt) else None
    return RecordsAnswer(
        records,
        answer.NextShardIterator or None,
        answer.MillisBehindLatest or 0,
        None if isinstance(date, ClockDoubt) else date,
        sum([len(record.data) + len(record.partition_key) for record in records]),
        tuple(ShardInfo(one.ShardId, tuple(one.ParentShards)) for one in answer.ChildShards or ()),
        doubt,
    )


def epoch_ms(stamp: datetime) -> int:
    """Return a time as epoch milliseconds."""
    return round(stamp.timestamp() * 1000)
