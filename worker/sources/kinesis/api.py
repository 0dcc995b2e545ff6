"""The API calls that reading a stream takes, and their results, as values."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol

from worker.sources.kinesis.clocks import ClockDoubt
from worker.sources.kinesis.lineage import ShardInfo, StreamDescription
from worker.stream.position import Position
from worker.stream.record import Record


class DescribeStream(NamedTuple):
    """Call: the stream's summary and shards. It belongs to no shard."""

    shard: str = ""


class GetIterator(NamedTuple):
    """Call: an iterator for ``shard`` at ``position``."""

    shard: str
    position: Position


class GetRecords(NamedTuple):
    """Call: the next records of ``shard``."""

    shard: str
    iterator: str


class StreamFailureKind(StrEnum):
    """The meaning of a failed call to the reader."""

    THROTTLED = "throttled"  # too many calls or bytes, ours or another reader's
    UNAVAILABLE = "unavailable"  # 5xx, no connection, timeout
    EXPIRED = "expired"  # the iterator can't be used any more
    REFUSED = "refused"  # an argument is no longer, or not yet, valid
    GONE = "gone"  # no such stream or shard
    DENIED = "denied"  # permissions, credentials, keys, and all else that the operator must fix


class StreamFailure(NamedTuple):
    """The reason why a call failed. ``detail``: one line, without the caller's data."""

    kind: StreamFailureKind
    detail: str


class RecordsAnswer(NamedTuple):
    """One GetRecords answer.

    ``next_iterator``: None at the end of a closed shard. ``millis_behind``: the distance to the
    shard's tip. ``server_date``: epoch ms by the answer's Date header (whole seconds), None without
    one and where ``doubt`` says that no clock supports it. ``size``: bytes of data and partition
    keys. ``children``: the child shards, which some servers name at a shard's end.
    """

    records: list[Record]
    next_iterator: str | None
    millis_behind: int
    server_date: int | None
    size: int
    children: tuple[ShardInfo, ...] = ()
    doubt: ClockDoubt | None = None


StreamCall = DescribeStream | GetIterator | GetRecords
CallResult = StreamDescription | str | RecordsAnswer | StreamFailure
"""The result of a call; a str is an iterator."""


class KinesisApi(Protocol):
    """One stream. No method raises for a failure of the service or the network, and none
    retries.
    """

    def describe(self) -> StreamDescription | StreamFailure:
        """Return the stream's summary and all its shards."""

    def shard_iterator(self, shard: str, position: Position) -> str | StreamFailure:
        """Return an iterator for the records after ``position``, which must not be ended."""

    def get_records(self, shard: str, iterator: str) -> RecordsAnswer | StreamFailure:
        """Return the next records of ``shard``, perhaps none."""


def carry_out(call: StreamCall, api: KinesisApi) -> CallResult:
    """Make ``call`` through ``api``."""
    if isinstance(call, DescribeStream):
        return api.describe()
    if isinstance(call, GetIterator):
        return api.shard_iterator(call.shard, call.position)
    return api.get_records(call.shard, call.iterator)
