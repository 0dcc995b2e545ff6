"""Reading a live stream once, shard by shard, into a recording.

A shard is read only after its parents are read to their end; shards that come up meanwhile are
read from their begin. Each shard is asked at most five times a second, a quiet one once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple, Protocol

from botocore.exceptions import ClientError

from worker.aws.clients import THROTTLED
from worker.aws.errors import error_code, expecting_an_answer
from worker.cli.kinesis import GetRecordsAnswer, RawRecord, StreamReader
from worker.producer.put_records import stream_argument
from worker.stream.record import Record

_LIMIT: Final = 10_000
_BUSY_S: Final = 0.2
_QUIET_S: Final = 1.0
_LISTING_S: Final = 30.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PASSING: Final = THROTTLED | {"InternalFailure", "ServiceUnavailable"}


class Start(NamedTuple):
    """Where reading begins. ``at_ms``: for AT_TIMESTAMP the place, for LATEST the time of it."""

    kind: Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]
    at_ms: int = 0


class Writer(Protocol):
    """Where the records go."""

    def begin(self, shard: str) -> None:
        """A shard is going to be read."""
        ...

    def write(self, record: Record) -> None:
        """A record of one of these shards, in its order there."""
        ...


class Timer(NamedTuple):
    """``now_s`` runs on steadily; ``sleep`` returns early when ``stopped`` becomes true."""

    now_s: Callable[[], float]
    sleep: Callable[[float], object]
    stopped: Callable[[], bool]


@dataclass(slots=True)
class _Shard:
    parents: tuple[str, ...]
    start: Start
    closed: bool = False
    ended: bool = False  # read as far as it is to be read
    begun: bool = False
    iterator: str | None = None
    last: str | None = None
    due_s: float = 0.0


class Recorder:
    """One recording of one stream, from ``start`` until told to stop."""

    def __init__(
        self, client: StreamReader, stream: str, start: Start, writer: Writer, timer: Timer
    ) -> None:
        self.count = 0
        self._client = client
        self._stream = stream_argument(stream)
        self._start = start
        self._writer = writer
        self._timer = timer
        self._shards: dict[str, _Shard] = {}
        self._listing_due_s = timer.now_s()

    def run(
        self,
        *,
        until_tip: bool = False,
        seconds: float | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> int:
        """Read until stopped, or for ``seconds``, or each shard up to its tip; the records read.

        ``progress`` is told their number so far. Raises what boto3 does where trying again may
        not help, and Unreachable for an answer that is none of Kinesis'.
        """
        timer = self._timer
        deadline = float("inf") if seconds is None else timer.now_s() + seconds
        while not timer.stopped() and timer.now_s() < deadline:
            if timer.now_s() >= self._listing_due_s:
                self._list_shards()
            shard_id = self._next_shard()
            if shard_id is None and until_tip:
                break
            due_s = self._listing_due_s if shard_id is None else self._shards[shard_id].due_s
            wait_s = min(due_s, deadline) - timer.now_s()
            if wait_s > 0:
                timer.sleep(wait_s)
            elif shard_id is not None:
                self._read(shard_id, until_tip=until_tip)
                progress(self.count)
        return self.count

    def _next_shard(self) -> str | None:
        """The shard to be asked next; None if all are read."""
        ready = [
            (shard.due_s, shard_id)
            for shard_id, shard in self._shards.items()
            if not shard.ended and self._parents_ended(shard)
        ]
        return min(ready)[1] if ready else None

    def _parents_ended(self, shard: _Shard) -> bool:
        return all(
            parent not in self._shards or self._shards[parent].ended for parent in shard.parents
        )

    # one request

    def _read(self, shard_id: str, *, until_tip: bool) -> None:
        shard = self._shards[shard_id]
        if not shard.begun:
            self._writer.begin(shard_id)
            shard.begun = True
        asked = self._timer.now_s()
        try:
            with expecting_an_answer("Kinesis"):
                answer = self._ask(shard_id, shard)
                records = answer["Records"]
        except ClientError as error:
            if error_code(error) == "ExpiredIteratorException":
                shard.iterator = None
            elif error_code(error) not in _PASSING:
                raise
            shard.due_s = asked + _QUIET_S
            return
        for raw in records:
            self._writer.write(_record(shard_id, raw))
            shard.last = raw["SequenceNumber"]
        self.count += len(records)
        shard.iterator = answer.get("NextShardIterator")
        at_tip = answer.get("MillisBehindLatest") == 0 and len(records) < _LIMIT
        shard.due_s = asked + (_BUSY_S if records or not at_tip else _QUIET_S)
        if not shard.iterator:
            shard.ended = True
            self._listing_due_s = asked  # its children, if they are not known yet
        elif at_tip and (until_tip or (shard.closed and not records)):
            shard.ended = True

    def _ask(self, shard_id: str, shard: _Shard) -> GetRecordsAnswer:
        if shard.iterator is None:
            answer = self._client.get_shard_iterator(
                **self._stream, ShardId=shard_id, **_place(shard)
            )
            shard.iterator = answer["ShardIterator"]
            if shard.start.kind == "LATEST":  # asked again, it must not skip what came since
                shard.start = Start("AT_TIMESTAMP", shard.start.at_ms)
        return self._client.get_records(ShardIterator=shard.iterator, Limit=_LIMIT)

    # the shards there are

    def _list_shards(self) -> None:
        first = not self._shards
        for listed in self._listed():
            shard_id = listed["ShardId"]
            closed = "EndingSequenceNumber" in listed["SequenceNumberRange"]
            shard = self._shards.get(shard_id)
            if shard is None:
                shard = self._shards[shard_id] = _Shard(
                    _parents(listed), self._start if first else Start("TRIM_HORIZON")
                )
                shard.ended = first and closed and self._start.kind == "LATEST"
            shard.closed = closed
        self._listing_due_s = self._timer.now_s() + _LISTING_S

    def _listed(self) -> list[dict[str, Any]]:
        with expecting_an_answer("Kinesis"):
            page = self._client.list_shards(**self._stream)
            listed = list(page["Shards"])
            while token := page.get("NextToken"):
                page = self._client.list_shards(NextToken=token)
                listed += page["Shards"]
        return listed


def _parents(listed: dict[str, Any]) -> tuple[str, ...]:
    both = (listed.get("ParentShardId"), listed.get("AdjacentParentShardId"))
    return tuple(parent for parent in both if parent)


def _place(shard: _Shard) -> dict[str, Any]:
    if shard.last is not None:
        return {
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
            "StartingSequenceNumber": shard.last,
        }
    if shard.start.kind == "AT_TIMESTAMP":
        timestamp = _EPOCH + timedelta(milliseconds=shard.start.at_ms)
        return {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": timestamp}
    return {"ShardIteratorType": shard.start.kind}


def _record(shard_id: str, raw: RawRecord) -> Record:
    since = raw["ApproximateArrivalTimestamp"] - _EPOCH
    arrival = round(since / timedelta(milliseconds=1))
    return Record(shard_id, raw["SequenceNumber"], arrival, raw["Data"], raw["PartitionKey"])
