"""Re-ingestion: putting records into a stream at recorded or higher speed, or moved in time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, NotRequired, Protocol, TypedDict

from botocore.exceptions import ClientError

from worker.aws.errors import aws_errors, expecting_an_answer, found_expired, short_line
from worker.aws.sessions import AGAIN_S
from worker.backoff import ceiling
from worker.errors import Misconfigured, VoiceInsightsError
from worker.producer.time_shift import shifted
from worker.recordings.damaged_line import DamagedLine
from worker.stream.record import Record

ReadItems = Callable[[], Iterable[Record | DamagedLine]]
"""Reads the same records in the same order each time, at least nearly sorted by arrival."""


Refused = Callable[[Record, str], object]
"""Called with a record that the stream refuses, and the reason."""


class Reingested(NamedTuple):
    """The number of records put, of damaged lines left out, and of records left out because the
    stream refuses each of them by itself.
    """

    put: int
    damaged: int
    refused: int


class Clock(NamedTuple):
    """The time in epoch milliseconds, and a sleep in seconds of that time."""

    now_ms: Callable[[], int]
    sleep: Callable[[float], None]


_MOST_RECORDS: Final = 500  # of one PutRecords request
_MOST_BYTES: Final = 4_500_000  # of its 5 MiB, keys included
_TICK_S: Final = 0.2
_ALL_REFUSED: Final = 20  # after so many refusals and no record put, the records aren't at fault
_ATTEMPTS: Final = 20  # consecutive attempts in which the stream accepts nothing
_INVALID: Final = frozenset(
    {
        *("InvalidArgumentException", "InvalidParameterValue", "RequestEntityTooLarge"),
        *("SerializationException", "ValidationError", "ValidationException"),
    }
)
"""Error codes with which Kinesis refuses a request because of one of its records."""
_TOO_LARGE: Final = 413
_RENEWALS: Final = 2  # of expired credentials, before a request is given up
_FIRST_BACKOFF_S: Final = 0.1
_LONGEST_BACKOFF_S: Final = 5.0


def reingest(
    read: ReadItems,
    stream: str,
    client: StreamWriter,
    clock: Clock,
    *,
    speed: float = 0.0,
    shift_to_now: bool = False,
    progress: Callable[[int], None] = lambda _: None,
    refused: Refused | None = None,
) -> Reingested:
    """Put all records that ``read`` yields into ``stream``, with their own partition keys.

    ``speed``: 1 keeps the gaps between arrivals, 10 makes them ten times shorter, 0 leaves none.
    ``shift_to_now`` reads twice and moves the times inside the events by one constant, such that
    the last record arrives now (at a speed: when it is put) and none before it has happened.
    ``progress`` is called with the number of records put so far. Throttled records are retried, and
    so are requests with expired credentials, which are looked up again. A record that the stream
    calls invalid, for example because it is too large, is left out and passed to ``refused``.
    Raises ``Misconfigured`` for such a record without ``refused``, or if none of the first 20 is
    valid, or if the stream doesn't exist, or if records must be read twice and can be read only
    once. Raises ``VoiceInsightsError`` if the stream accepts nothing for long, and ``Unreachable``
    if it doesn't answer.
    """
    start = clock.now_ms()
    by_ms = _shift(read(), start, speed) if shift_to_now else 0
    feed = _Feed(stream, client, clock, progress, refused)
    pace = _Pace(start, speed)
    damaged = 0
    for item in read():
        if isinstance(item, DamagedLine):
            damaged += 1
            continue
        while (wait_ms := pace.ahead_ms(item.arrival, clock)) > 0:
            feed.flush()
            clock.sleep(max(_TICK_S, wait_ms / 1000))
        feed.add(item, shifted(item.data, by_ms) if by_ms else item.data)
    feed.flush()
    if by_ms and not feed.put + feed.refused:
        raise Misconfigured("moving times to now reads the records twice: name a file or a folder")
    return Reingested(feed.put, damaged, feed.refused)


def _shift(items: Iterable[Record | DamagedLine], start: int, speed: float) -> int:
    """The shift of all times, in ms.

    At recorded speed or slower, the first record arrives at its moved time, and no later record
    before its own; faster, the last record does, and no earlier record arrives before its own.
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
    """The time at which each record is due, relative to the first one."""

    def __init__(self, start: int, speed: float) -> None:
        self._start = start
        self._speed = speed
        self._first: int | None = None

    def ahead_ms(self, arrival: int, clock: Clock) -> float:
        """Milliseconds until a record that arrived at ``arrival`` is due; 0 or less if it is."""
        if not self._speed:
            return 0
        if self._first is None:
            self._first = arrival
        due = self._start + (arrival - self._first) / self._speed
        return due - clock.now_ms()


class _Waiting(NamedTuple):
    """A record waiting to be put, and its request entry."""

    record: Record
    entry: PutEntry


class _Feed:
    """Sends records in PutRecords requests of the greatest allowed size."""

    def __init__(
        self,
        stream: str,
        client: StreamWriter,
        clock: Clock,
        progress: Callable[[int], None],
        refused: Refused | None,
    ) -> None:
        self.put = 0
        self.refused = 0
        self._stream = stream
        self._client = client
        self._clock = clock
        self._progress = progress
        self._on_refused = refused
        self._waiting: list[_Waiting] = []
        self._bytes = 0

    def add(self, record: Record, data: bytes) -> None:
        key = record.partition_key or "-"
        size = len(data) + len(key.encode())
        if len(self._waiting) == _MOST_RECORDS or self._bytes + size > _MOST_BYTES:
            self.flush()
        self._waiting.append(_Waiting(record, {"Data": data, "PartitionKey": key}))
        self._bytes += size

    def flush(self) -> None:
        """Put the records added so far."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        requests = [waiting] if waiting else []
        while requests:
            request = requests.pop()
            why = self._put_all(request)
            if why is None:
                continue
            if len(request) == 1:
                self._leave_out(request[0].record, why)
            else:  # at least one record is invalid; halve the request to find it
                half = len(request) // 2
                requests += [request[half:], request[:half]]
        if waiting:
            self._progress(self.put)

    def _leave_out(self, record: Record, why: str) -> None:
        if self._on_refused is None or (not self.put and self.refused == _ALL_REFUSED):
            raise Misconfigured(f"{self._stream} doesn't take the records: {why}")
        self.refused += 1
        self._on_refused(record, why)

    def _put_all(self, waiting: list[_Waiting]) -> str | None:
        """Put all of the records; retry throttled ones after a growing pause. Return the reason if
        the stream calls the request invalid: then none of its records was put.
        """
        attempt = 0
        while waiting:
            try:
                rest, code = self._renewing(waiting)
            except _Invalid as error:
                return str(error)
            self.put += len(waiting) - len(rest)
            if rest:
                attempt = 0 if len(rest) < len(waiting) else attempt + 1
                if attempt == _ATTEMPTS:
                    raise VoiceInsightsError(f"{self._stream} takes no records: {code}")
                self._clock.sleep(ceiling(_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S, attempt))
            waiting = rest
        return None

    def _renewing(self, waiting: list[_Waiting]) -> tuple[list[_Waiting], str]:
        """Make one request, again if the credentials have expired: each time, they are looked up
        again.
        """
        for _ in range(_RENEWALS):
            try:
                return self._request(waiting)
            except Misconfigured as error:
                if not found_expired(error.__cause__):
                    raise
            self._clock.sleep(AGAIN_S)
        return self._request(waiting)

    def _request(self, waiting: list[_Waiting]) -> tuple[list[_Waiting], str]:
        """Make one request; return the records not accepted, and the last one's reason."""
        entries = [one.entry for one in waiting]
        with (
            aws_errors(self._stream),
            _invalid_requests(),
            expecting_an_answer("Kinesis", self._client),
        ):
            answer = self._client.put_records(**stream_argument(self._stream), Records=entries)
            results = answer["Records"]
        rest: list[_Waiting] = []
        code = ""
        for one, result in zip(waiting, results, strict=True):
            if result.get("ErrorCode"):
                rest.append(one)
                code = result["ErrorCode"] or ""
        return rest, code


class _Invalid(Exception):
    """The stream calls a request invalid as a whole."""


@contextmanager
def _invalid_requests() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        answer = error.response
        code = str(answer.get("Error", {}).get("Code", ""))
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _INVALID or status == _TOO_LARGE:
            raise _Invalid(short_line(f"{code}: {answer['Error'].get('Message', '')}")) from error
        raise


class PutEntry(TypedDict):
    """A record of a PutRecords request."""

    Data: bytes
    PartitionKey: str
    ExplicitHashKey: NotRequired[str]


class PutResult(TypedDict):
    """The result of one record; an ``ErrorCode`` means that it was not accepted."""

    ErrorCode: NotRequired[str | None]


class PutRecordsAnswer(TypedDict):
    """Results in the order of the request's records."""

    FailedRecordCount: int
    Records: list[PutResult]


class StreamWriter(Protocol):
    """The part of a Kinesis client that the producer uses."""

    def put_records(self, **arguments: Any) -> PutRecordsAnswer:
        """Call PutRecords with up to 500 records."""
        ...


def stream_argument(stream: str) -> dict[str, str]:
    """The argument that names ``stream``, a name or an ARN, in a request."""
    return {"StreamARN" if stream.startswith("arn:") else "StreamName": stream}
