"""Putting records into a stream: all of them, in time, however the stream behaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.testing.reading import events
from worker.aws.sessions import AGAIN_S
from worker.errors import Misconfigured, VoiceInsightsError
from worker.producer.put_records import Clock, PutEntry, PutRecordsAnswer, PutResult, reingest
from worker.recordings.damaged_line import DamagedLine
from worker.stream.record import Record
from worker.testing.traffic import Traffic, simulated_records

NOW = 1_800_000_000_000


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.ms = float(NOW)

    def clock(self) -> Clock:
        return Clock(lambda: int(self.ms), self.sleep)

    def sleep(self, seconds: float) -> None:
        self.ms += seconds * 1000


class Stream:
    """A stream that throttles when told to; no emulator does. Keeps what it takes, and when."""

    def __init__(self, time: Time, refuses: Callable[[int], bool] = lambda _: False) -> None:
        self.taken: list[tuple[float, PutEntry]] = []
        self.requests: list[list[PutEntry]] = []
        self._time = time
        self._refuses = refuses
        self._seen = 0

    def put_records(self, **arguments: Any) -> PutRecordsAnswer:
        entries: list[PutEntry] = arguments["Records"]
        assert arguments["StreamName"] == "s"
        self.requests.append(entries)
        results: list[PutResult] = []
        for entry in entries:
            self._seen += 1
            if self._refuses(self._seen):
                results.append({"ErrorCode": "ProvisionedThroughputExceededException"})
            else:
                results.append({})
                self.taken.append((self._time.ms, entry))
        refused = sum("ErrorCode" in result for result in results)
        return {"FailedRecordCount": refused, "Records": results}


def record(arrival: int, data: bytes = b"x", key: str = "k") -> Record:
    return Record("s", str(arrival), arrival, data, key)


def test_data_and_partition_keys_are_the_recorded_ones() -> None:
    time = Time()
    stream = Stream(time)
    records = list(simulated_records(Traffic(sessions=5), 1))
    done = reingest(lambda: records, "s", stream, time.clock())
    assert done == (len(records), 0, 0)
    assert [(entry["Data"], entry["PartitionKey"]) for _, entry in stream.taken] == [
        (record.data, record.partition_key) for record in records
    ]


def test_a_missing_partition_key_is_made_up_and_a_damaged_line_left_out() -> None:
    time = Time()
    stream = Stream(time)
    items: list[Record | DamagedLine] = [record(1, key=""), DamagedLine("s", 2, "no JSON", b"{")]
    assert reingest(lambda: items, "s", stream, time.clock()) == (1, 1, 0)
    assert stream.taken[0][1]["PartitionKey"]


@settings(deadline=None)
@given(st.lists(st.integers(0, 1_500_000), max_size=60), st.integers(0, 1200))
def test_no_request_is_over_the_limits_of_put_records(sizes: list[int], small: int) -> None:
    time = Time()
    stream = Stream(time)
    records = [record(0, bytes(size)) for size in sizes] + [record(0)] * small
    reingest(lambda: records, "s", stream, time.clock())
    assert len(stream.taken) == len(records)
    for request in stream.requests:
        assert 1 <= len(request) <= 500
        size = sum(len(entry["Data"]) + len(entry["PartitionKey"]) for entry in request)
        assert size <= 5 << 20


@given(st.integers(2, 7), st.integers(1, 1200))
def test_what_the_stream_refuses_is_put_again(every: int, count: int) -> None:
    time = Time()
    stream = Stream(time, lambda seen: seen % every == 0)
    records = [record(0, str(number).encode()) for number in range(count)]
    assert reingest(lambda: records, "s", stream, time.clock()).put == count
    assert sorted(entry["Data"] for _, entry in stream.taken) == sorted(r.data for r in records)


class Choosy(Stream):
    """Refuses a request as a whole if one of its records is too large, as Kinesis does."""

    def put_records(self, **arguments: Any) -> PutRecordsAnswer:
        if any(len(entry["Data"]) > 9 for entry in arguments["Records"]):
            error: Any = {
                "Error": {"Code": "ValidationException", "Message": "too large"},
                "ResponseMetadata": {"HTTPStatusCode": 400},
            }
            raise ClientError(error, "PutRecords")
        return super().put_records(**arguments)


@given(st.lists(st.booleans(), max_size=40), st.sampled_from([0, 3]))
def test_a_record_that_the_stream_does_not_take_is_named_and_holds_up_no_other(
    fits: list[bool], every: int
) -> None:
    time = Time()
    stream = Choosy(time, lambda seen: bool(every) and seen % every == 0)
    fits = [True, *fits]
    records = [record(n, b"x" * (5 if fit else 10)) for n, fit in enumerate(fits)]
    told: list[tuple[str, str]] = []
    done = reingest(
        lambda: records,
        "s",
        stream,
        time.clock(),
        refused=lambda one, why: told.append((one.sequence_number, why)),
    )
    assert done == (sum(fits), 0, len(fits) - sum(fits))
    assert told == [
        (str(n), "ValidationException: too large") for n, fit in enumerate(fits) if not fit
    ]
    assert len(stream.taken) == sum(fits)


def test_what_nobody_wants_to_know_of_ends_it() -> None:
    time = Time()
    with pytest.raises(Misconfigured, match="s doesn't take the records"):
        reingest(lambda: [record(0, b"x" * 10)], "s", Choosy(time), time.clock())


def test_a_stream_that_calls_everything_invalid_is_given_up_soon() -> None:
    time = Time()
    told: list[Record] = []
    with pytest.raises(Misconfigured, match="too large"):
        reingest(
            lambda: [record(0, b"x" * 10)] * 700,
            "s",
            Choosy(time),
            time.clock(),
            refused=lambda one, _: told.append(one),
        )
    assert len(told) == 20


class Expiring(Stream):
    """Says of its ``after``-th request, and of some more, that the credentials have expired."""

    def __init__(self, time: Time, after: int, times: int) -> None:
        super().__init__(time)
        self._expired = range(after, after + times)
        self._asked = 0

    def put_records(self, **arguments: Any) -> PutRecordsAnswer:
        self._asked += 1
        if self._asked in self._expired:
            error: Any = {
                "Error": {"Code": "ExpiredTokenException", "Message": "it is expired"},
                "ResponseMetadata": {"HTTPStatusCode": 400},
            }
            raise ClientError(error, "PutRecords")
        return super().put_records(**arguments)


@pytest.mark.parametrize("times", [1, 2])
def test_a_request_with_expired_credentials_is_made_again_once_they_are_looked_up(
    times: int,
) -> None:
    time = Time()
    stream = Expiring(time, 2, times)
    records = [record(n) for n in range(1200)]
    assert reingest(lambda: records, "s", stream, time.clock()).put == 1200
    assert len(stream.taken) == 1200
    assert time.ms >= NOW + times * AGAIN_S * 1000


def test_credentials_that_stay_expired_end_it_with_what_to_renew() -> None:
    time = Time()
    with pytest.raises(Misconfigured, match="renew the credentials"):
        reingest(lambda: [record(0)], "s", Expiring(time, 1, 3), time.clock())


def test_a_stream_that_takes_nothing_ends_it() -> None:
    time = Time()
    stream = Stream(time, lambda _: True)
    with pytest.raises(VoiceInsightsError, match="ProvisionedThroughputExceeded"):
        reingest(lambda: [record(0)], "s", stream, time.clock())
    assert time.ms > NOW + 30_000


@given(
    st.lists(st.integers(0, 100_000), min_size=1, max_size=30),
    st.sampled_from([0.5, 1.0, 2.0, 60.0]),
)
def test_records_come_in_their_recorded_gaps_at_the_speed(gaps: list[int], speed: float) -> None:
    time = Time()
    stream = Stream(time)
    arrivals = [sum(gaps[:n]) for n in range(len(gaps))]
    reingest(lambda: map(record, arrivals), "s", stream, time.clock(), speed=speed)
    for arrival, (at, _) in zip(arrivals, stream.taken, strict=True):
        due = NOW + (arrival - arrivals[0]) / speed
        assert due - 1 <= at <= due + 401


def test_flat_out_never_sleeps() -> None:
    time = Time()
    stream = Stream(time)
    reingest(lambda: [record(0), record(10**9)], "s", stream, time.clock())
    assert time.ms == NOW


RECORDS = list(
    simulated_records(Traffic(sessions=10, malformed=0, aggregates=0.2, delay_median_s=30), 2)
)


def put_shifted(speed: float) -> list[tuple[Record, Record]]:
    """Each record as it was, and as it came into the stream."""
    time = Time()
    stream = Stream(time)
    reingest(lambda: RECORDS, "s", stream, time.clock(), speed=speed, shift_to_now=True)
    return [
        (before, replace(before, arrival=int(at), data=entry["Data"]))
        for before, (at, entry) in zip(RECORDS, stream.taken, strict=True)
    ]


@pytest.mark.parametrize("speed", [0.0, 0.5, 1.0, 10.0])
def test_all_times_move_by_one_constant_and_none_lies_ahead(speed: float) -> None:
    pairs = put_shifted(speed)
    moves = {
        after.timestamp - before.timestamp
        for old, new in pairs
        for before, after in zip(events([old]), events([new]), strict=True)
    }
    assert len(moves) == 1
    assert all(e.timestamp <= e.arrival for _, new in pairs for e in events([new]))


def delays(pair: Record) -> list[int]:
    return [e.arrival - e.timestamp for e in events([pair])]


@pytest.mark.parametrize("speed", [0.0, 1.0, 10.0])
def test_the_last_record_arrives_as_late_as_it_was_recorded(speed: float) -> None:
    old, new = put_shifted(speed)[-1]
    for before, after in zip(delays(old), delays(new), strict=True):
        assert before <= after <= before + 401


def test_at_recorded_speed_every_delay_is_the_recorded_one() -> None:
    for old, new in put_shifted(1.0):
        for before, after in zip(delays(old), delays(new), strict=True):
            assert before <= after <= before + 401


def test_no_records_are_no_trouble() -> None:
    time = Time()
    assert reingest(list, "s", Stream(time), time.clock(), shift_to_now=True) == (0, 0, 0)


def test_progress_ends_with_all_records() -> None:
    time = Time()
    told: list[int] = []
    reingest(lambda: [record(0)] * 1200, "s", Stream(time), time.clock(), progress=told.append)
    assert told == [500, 1000, 1200]


def test_a_stream_that_is_not_there_is_named() -> None:
    class Nowhere:
        def put_records(self, **_: Any) -> PutRecordsAnswer:
            error: Any = {"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}
            raise ClientError(error, "PutRecords")

    with pytest.raises(Misconfigured, match="no stream s"):
        reingest(lambda: [record(0)], "s", Nowhere(), Time().clock())


def test_what_can_be_read_only_once_is_not_taken_for_empty() -> None:
    once = iter([record(0)])
    time = Time()
    with pytest.raises(Misconfigured, match="reads the records twice"):
        reingest(lambda: once, "s", Stream(time), time.clock(), shift_to_now=True)
