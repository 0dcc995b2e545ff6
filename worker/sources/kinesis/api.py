"""The few calls that reading a stream takes, as values: what may be asked and what comes back."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol

from worker.sources.kinesis.clocks import ClockDoubt
from worker.sources.kinesis.lineage import ShardInfo, StreamDescription
from worker.stream.position import Position
from worker.stream.record import Record


class DescribeStream(NamedTuple):
    """Call: the stream's summary and shards. It is of no shard."""

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
    """What a failed call means to the reader."""

    THROTTLED = "throttled"  # too many calls or bytes, ours or another reader's
    UNAVAILABLE = "unavailable"  # 5xx, no connection, timeout
    EXPIRED = "expired"  # the iterator can't be used any more
    REFUSED = "refused"  # an argument is no longer, or not yet, valid
    GONE = "gone"  # no such stream or shard
    DENIED = "denied"  # permissions, credentials, keys, and whatever else is the operator's


class StreamFailure(NamedTuple):
    """Why a call gave no answer. ``detail``: one line, without the caller's data."""

    kind: StreamFailureKind
    detail: str


class RecordsAnswer(NamedTuple):
    """One GetRecords answer.

    ``next_iterator``: None at the end of a closed shard. ``millis_behind``: of the shard's tip.
    ``server_date``: epoch ms by the answer's Date header (whole seconds), None without one and
    where ``doubt`` tells that no clock supports it. ``size``: bytes of data and partition keys.
    ``children``: named at a shard's end, by some servers.
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
"""What a call came to; a str is an iterator."""


class KinesisApi(Protocol):
    """One stream. No method raises for what a service or a network does, and none retries."""

    def describe(self) -> StreamDescription | StreamFailure:
        """The stream's summary and all its shards."""

    def shard_iterator(self, shard: str, position: Position) -> str | StreamFailure:
        """An iterator for what follows ``position``, which is not ended."""

    def get_records(self, shard: str, iterator: str) -> RecordsAnswer | StreamFailure:
        """The next records of ``shard``, perhaps none."""


def carry_out(call: StreamCall, api: KinesisApi) -> CallResult:
    """Ask ``api`` what ``call`` says."""
    if isinstance(call, DescribeStream):
        return api.describe()
    if isinstance(call, GetIterator):
        return api.shard_iterator(call.shard, call.position)
    return api.get_records(call.shard, call.iterator)
