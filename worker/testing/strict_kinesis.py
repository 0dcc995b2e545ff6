"""A Kinesis stream in memory, as strict with its readers as the service, for simulations.

It depends only on the clock that it is given, so equal calls at equal times get equal answers.
Writers are not limited. A reader's call beyond the limits is refused and counted.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from worker.sources.kinesis.api import RecordsAnswer, StreamFailure, StreamFailureKind
from worker.sources.kinesis.lineage import ShardInfo, StreamDescription
from worker.stream.position import Position
from worker.stream.record import Record

KinesisOperation = Literal["survey", "shard_iterator", "get_records"]
KinesisFault = StreamFailure | Literal["empty"] | None
"""A fault of a call: a failure, an answer without its records, or None."""

ARN: Final = "arn:aws:kinesis:us-east-1:123456789012:stream/strict"
ITERATOR_LIFE: Final = 300_000  # ms
DAY: Final = 86_400_000  # ms

_CALLS_A_SECOND: Final = 5
_SURVEYS_A_SECOND: Final = 20
_BYTES_A_SECOND: Final = 2 << 20
_MOST_BYTES: Final = 10 << 20
_MOST_RECORDS: Final = 10_000
_HASH_KEYS: Final = 1 << 128
_FIRST_SEQUENCE_NUMBER: Final = 49 * 10**54


class _Budget:
    """A limit on the calls in any second."""

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._times: deque[int] = deque()

    def spend(self, now: int) -> bool:
        while self._times and self._times[0] <= now - 1000:
            self._times.popleft()
        if len(self._times) == self._calls:
            return False
        self._times.append(now)
        return True


@dataclass(slots=True)
class _Shard:
    info: ShardInfo
    first_key: int
    last_key: int
    closed_at: int | None = None
    records: list[Record] = field(default_factory=list)
    trimmed: int = 0  # the number of records trimmed
    reads: _Budget = field(default_factory=lambda: _Budget(_CALLS_A_SECOND))
    seeks: _Budget = field(default_factory=lambda: _Budget(_CALLS_A_SECOND))
    bytes_paid_at: int = 0  # the time from which the bytes read so far are within the rate


def _no_faults(_operation: KinesisOperation, _shard: str) -> KinesisFault:
    return None


class StrictKinesis:
    """A stream as the reader's KinesisApi, with the writer's and the operator's side.

    ``clock``: epoch ms. ``faults`` is called at each call, with "" as the shard when the stream is
    described. ``names_children``: whether the answer at a shard's end names its children.
    ``refuses_trimmed``: whether a trimmed sequence number is refused rather than taken as the trim
    horizon.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        shards: int = 1,
        *,
        retention: int = DAY,
        names_children: bool = True,
        refuses_trimmed: bool = False,
        faults: Callable[[KinesisOperation, str], KinesisFault] = _no_faults,
    ) -> None:
        self.created = clock()
        self.limits_broken = 0
        self._clock = clock
        self._retention = retention
        self._names_children = names_children
        self._refuses_trimmed = refuses_trimmed
        self._faults = faults
        self._lock = threading.Lock()
        self._shards: dict[str, _Shard] = {}
        self._made = 0
        self._put = 0
        self._surveys = _Budget(_SURVEYS_A_SECOND)
        step = _HASH_KEYS // shards
        for n in range(shards):
            self._make((), n * step, _HASH_KEYS - 1 if n == shards - 1 else (n + 1) * step - 1)

    # The writer's and the operator's side

    def put(self, data: bytes, partition_key: str, hash_key: int | None = None) -> Record:
        """Put a record into the shard of its key's digest, or of an explicit hash key."""
        digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
        key = int.from_bytes(digest, "big") if hash_key is None else hash_key
        with self._lock:
            shard = next(
                shard
                for shard in self._shards.values()
                if shard.closed_at is None and shard.first_key <= key <= shard.last_key
            )
            self._put += 1
            sequence_number = str(_FIRST_SEQUENCE_NUMBER + self._put)
            record = Record(shard.info.shard, sequence_number, self._clock(), data, partition_key)
            shard.records.append(record)
            return record

    def open_shards(self) -> list[str]:
        """The shards that accept records, sorted by their hash keys."""
        with self._lock:
            taking = [shard for shard in self._shards.values() if shard.closed_at is None]
            return [shard.info.shard for shard in sorted(taking, key=lambda s: s.first_key)]

    def hash_keys(self, name: str) -> tuple[int, int]:
        """The first and the last hash key of a shard, open or closed."""
        with self._lock:
            shard = self._shards[name]
            return shard.first_key, shard.last_key

    def split(self, name: str) -> tuple[str, str]:
        """Split a shard: close it and open two children."""
        with self._lock:
            parent = self._close(name)
            middle = (parent.first_key + parent.last_key) // 2
            return (
                self._make((name,), parent.first_key, middle),
                self._make((name,), middle + 1, parent.last_key),
            )

    def merge(self, left: str, right: str) -> str:
        """Merge two shards, adjacent by hash keys and in order: close both and open one child."""
        with self._lock:
            low, high = self._close(left), self._close(right)
            if low.last_key + 1 != high.first_key:
                raise ValueError(f"{left} and {right} are not adjacent")
            return self._make((left, right), low.first_key, high.last_key)

    # The reader's side

    def describe(self) -> StreamDescription | StreamFailure:
        """Describe all shards except those closed for longer than the retention."""
        with self._lock:
            now = self._clock()
            fault = self._faults("survey", "")
            if isinstance(fault, StreamFailure):
                return fault
            if not self._surveys.spend(now):
                return self._throttle()
            listed = [shard.info for shard in self._shards.values() if not self._gone(shard)]
            return StreamDescription(ARN, self.created, self._retention, _date(now), tuple(listed))

    def shard_iterator(self, shard: str, position: Position) -> str | StreamFailure:
        """Return an iterator that is valid for five minutes."""
        with self._lock:
            now = self._clock()
            fault = self._faults("shard_iterator", shard)
            if isinstance(fault, StreamFailure):
                return fault
            place = self._shards.get(shard)
            if place is None or self._gone(place):
                return StreamFailure(StreamFailureKind.GONE, f"no shard {shard}")
            if not place.seeks.spend(now):
                return self._throttle()
            self._trim(place)
            offset = self._offset(place, position)
            return offset if isinstance(offset, StreamFailure) else f"{shard}/{offset}/{now}"

    def get_records(self, shard: str, iterator: str) -> RecordsAnswer | StreamFailure:
        """Return at most 10,000 records and 10 MiB, but at least one record if there is any."""
        with self._lock:
            now = self._clock()
            fault = self._faults("get_records", shard)
            if isinstance(fault, StreamFailure):
                return fault
            name, offset, issued = iterator.split("/")
            place = self._shards[name]
            if name != shard or now - int(issued) > ITERATOR_LIFE:
                return StreamFailure(
                    StreamFailureKind.EXPIRED, "the iterator is expired, or of another shard"
                )
            if self._gone(place):
                return StreamFailure(StreamFailureKind.GONE, f"no shard {shard}")
            if now < place.bytes_paid_at or not place.reads.spend(now):
                return self._throttle()
            self._trim(place)
            return self._answer(place, max(int(offset), place.trimmed), now, fault == "empty")

    # Within

    def _make(self, parents: tuple[str, ...], first_key: int, last_key: int) -> str:
        name = f"shardId-{self._made:012d}"
        self._made += 1
        self._shards[name] = _Shard(ShardInfo(name, parents), first_key, last_key)
        return name

    def _close(self, name: str) -> _Shard:
        shard = self._shards[name]
        if shard.closed_at is not None:
            raise ValueError(f"{name} is closed")
        shard.closed_at = self._clock()
        return shard

    def _gone(self, shard: _Shard) -> bool:
        return shard.closed_at is not None and shard.closed_at < self._clock() - self._retention

    def _trim(self, shard: _Shard) -> None:
        horizon = self._clock() - self._retention
        while shard.trimmed < len(shard.records) and shard.records[shard.trimmed].arrival < horizon:
            shard.trimmed += 1

    def _throttle(self) -> StreamFailure:
        self.limits_broken += 1
        return StreamFailure(StreamFailureKind.THROTTLED, "rate exceeded")

    def _offset(self, shard: _Shard, position: Position) -> int | StreamFailure:
        if position.kind == "trim_horizon":
            return shard.trimmed
        if position.kind == "at_timestamp":
            stamp = int(position.value)
            if stamp > self._clock():
                return StreamFailure(StreamFailureKind.REFUSED, "a time in the future")
            later = (n for n, record in enumerate(shard.records) if record.arrival >= stamp)
            return max(next(later, len(shard.records)), shard.trimmed)
        for n, record in enumerate(shard.records):
            if record.sequence_number == position.value:
                if n < shard.trimmed and self._refuses_trimmed:
                    return StreamFailure(
                        StreamFailureKind.REFUSED, "a sequence number that is trimmed"
                    )
                return max(n + 1, shard.trimmed)
        return StreamFailure(StreamFailureKind.REFUSED, "a sequence number of another shard")

    def _answer(self, shard: _Shard, offset: int, now: int, empty: bool) -> RecordsAnswer:
        end, size = offset, 0
        most = 0 if empty else _MOST_RECORDS
        for record in shard.records[offset : offset + most]:
            length = len(record.data) + len(record.partition_key)
            if size + length > _MOST_BYTES and end > offset:
                break
            end, size = end + 1, size + length
        shard.bytes_paid_at = now + -(-size * 1000 // _BYTES_A_SECOND)
        next_one = shard.records[end] if end < len(shard.records) else None
        ended = shard.closed_at is not None and next_one is None and not empty
        children = [
            child.info for child in self._shards.values() if shard.info.shard in child.info.parents
        ]
        return RecordsAnswer(
            shard.records[offset:end],
            None if ended else f"{shard.info.shard}/{end}/{now}",
            0 if next_one is None else max(now - next_one.arrival, 1),
            _date(now),
            size,
            tuple(children) if ended and self._names_children else (),
        )


def _date(now: int) -> int:
    """The time of a Date header, in whole seconds."""
    return now - now % 1000
