"""Putting records into a stream: as recorded, faster, or flat out; their times kept or moved."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, NotRequired, Protocol, TypedDict

from worker.aws.errors import aws_errors, expecting_an_answer
from worker.backoff import ceiling
from worker.errors import Misconfigured, VoiceInsightsError
from worker.producer.time_shift import shifted
from worker.recordings.damaged_line import DamagedLine
from worker.stream.record import Record

Read = Callable[[], Iterable[Record | DamagedLine]]
"""Reads the same records in the same order each time; by arrival, or nearly so."""


class PutBack(NamedTuple):
    """How many records were put, and how many lines were left out because they are damaged."""

    put: int
    damaged: int


class Clock(NamedTuple):
    """The time in epoch milliseconds, and a way to let seconds of it pass."""

    now_ms: Callable[[], int]
    sleep: Callable[[float], None]


_MOST_RECORDS: Final = 500  # of one PutRecords request
_MOST_BYTES: Final = 4_500_000  # of its 5 MiB, keys included
_TICK_S: Final = 0.2
_ATTEMPTS: Final = 20  # in a row in which the stream takes nothing
_FIRST_BACKOFF_S: Final = 0.1
_LONGEST_BACKOFF_S: Final = 5.0


def put_back(
    read: Read,
    stream: str,
    client: StreamWriter,
    clock: Clock,
    *,
    speed: float = 0.0,
    shift_to_now: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> PutBack:
    """Put all records that ``read`` gives into ``stream``, under their own partition keys.

    ``speed``: 1 keeps the gaps between arrivals, 10 makes them ten times shorter, 0 leaves none.
    ``shift_to_now`` reads twice and moves the times inside the events by one constant, by which
    the last record arrives now (at a speed: when it is put) and none before it has happened.
    ``progress`` is told the number put so far. Records that the stream refuses are tried again;
    raises VoiceInsightsError when it keeps refusing, Unreachable when it doesn't answer,
    Misconfigured if it isn't there, or if what has to be read twice can be read only once.
    """
    start = clock.now_ms()
    by_ms = _shift(read(), start, speed) if shift_to_now else 0
    feed = _Feed(stream, client, clock, progress)
    pace = _Pace(start, speed)
    damaged = 0
    for item in read():
        if isinstance(item, DamagedLine):
            damaged += 1
            continue
        while (wait_ms := pace.ahead_ms(item.arrival, clock)) > 0:
            feed.flush()
            clock.sleep(max(_TICK_S, wait_ms / 1000))
        feed.add(shifted(item.data, by_ms) if by_ms else item.data, item.partition_key)
    feed.flush()
    if by_ms and not feed.put:
        raise Misconfigured("moving times to now reads the records twice: name a file or a folder")
    return PutBack(feed.put, damaged)


def _shift(items: Iterable[Record | DamagedLine], start: int, speed: float) -> int:
    """What to add to all times, in ms.

    Live or slower, the first record arrives at its moved time, and each later one no sooner;
    faster or flat out, the last one does, and each earlier one no sooner.
    """
    first = last = None
    for item in items:
        if isinstance(item, Record):
            first = item.arrival if first is None else min(first, item.arrival)
            last = item.arrival if last is None else max(last, item.arrival)
    if first is None or last is None:
        return 0
    if not speed:
        return start - last
    return start - first if speed <= 1 else start + int((last - first) / speed) - last


class _Pace:
    """When each record is due, counted from the first one."""

    def __init__(self, start: int, speed: float) -> None:
        self._start = start
        self._speed = speed
        self._first: int | None = None

    def ahead_ms(self, arrival: int, clock: Clock) -> float:
        """How long it is until a record that arrived at ``arrival`` is due; 0 or less: it is."""
        if not self._speed:
            return 0
        if self._first is None:
            self._first = arrival
        due = self._start + (arrival - self._first) / self._speed
        return due - clock.now_ms()


class _Feed:
    """PutRecords requests of the greatest size that one may have."""

    def __init__(
        self, stream: str, client: StreamWriter, clock: Clock, progress: Callable[[int], None]
    ) -> None:
        self.put = 0
        self._stream = stream
        self._client = client
        self._clock = clock
        self._progress = progress
        self._entries: list[PutEntry] = []
        self._bytes = 0

    def add(self, data: bytes, partition_key: str) -> None:
        key = partition_key or "-"
        size = len(data) + len(key.encode())
        if len(self._entries) == _MOST_RECORDS or self._bytes + size > _MOST_BYTES:
            self.flush()
        self._entries.append({"Data": data, "PartitionKey": key})
        self._bytes += size

    def flush(self) -> None:
        """Put what was added; what the stream refuses is put again, after a growing pause."""
        attempt = 0
        while self._entries:
            refused, code = self._request(self._entries)
            taken = len(self._entries) - len(refused)
            self.put += taken
            self._entries = refused
            if not refused:
                break
            attempt = 0 if taken else attempt + 1
            if attempt == _ATTEMPTS:
                raise VoiceInsightsError(f"{self._stream} takes no records: {code}")
            self._clock.sleep(ceiling(_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S, attempt))
        self._bytes = 0
        self._progress(self.put)

    def _request(self, entries: list[PutEntry]) -> tuple[list[PutEntry], str]:
        """What was refused of one request, and the last reason for it."""
        with aws_errors(self._stream), expecting_an_answer("Kinesis", self._client):
            answer = self._client.put_records(**stream_argument(self._stream), Records=entries)
            results = answer["Records"]
        refused: list[PutEntry] = []
        code = ""
        for entry, result in zip(entries, results, strict=True):
            if result.get("ErrorCode"):
                refused.append(entry)
                code = result["ErrorCode"] or ""
        return refused, code


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


def stream_argument(stream: str) -> dict[str, str]:
    """How a request names ``stream``, which may be a name or an ARN."""
    return {"StreamARN" if stream.startswith("arn:") else "StreamName": stream}
