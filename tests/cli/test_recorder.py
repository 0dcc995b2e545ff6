"""Recording a stream: every record of every shard once, parents first, within the read limits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from worker.cli.kinesis import GetRecordsAnswer, RawRecord
from worker.cli.recorder import Recorder, Start, Timer
from worker.stream.record import Record

HORIZON = Start("TRIM_HORIZON")


@dataclass
class Shard:
    """A shard of a scripted stream; ``closed`` ones end, as no emulator of pip's lets them."""

    name: str
    count: int
    parents: tuple[str, ...] = ()
    closed: bool = False
    listed_after_s: float = 0.0
    asked: list[float] = field(default_factory=list)


class Stream:
    """Lineage, ends, pages, and errors on demand; ``page`` records an answer."""

    def __init__(self, shards: list[Shard], page: int = 3) -> None:
        self.now_s = 0.0
        self.shards = {shard.name: shard for shard in shards}
        self.page = page
        self.errors: list[str] = []
        self.iterators: list[dict[str, Any]] = []

    def list_shards(self, **arguments: Any) -> dict[str, Any]:
        names = [s.name for s in self.shards.values() if s.listed_after_s <= self.now_s]
        first = int(arguments["NextToken"]) if "NextToken" in arguments else 0
        assert ("StreamName" in arguments) != ("NextToken" in arguments)
        answer: dict[str, Any] = {"Shards": [self._listed(n) for n in names[first : first + 2]]}
        if first + 2 < len(names):
            answer["NextToken"] = str(first + 2)
        return answer

    def _listed(self, name: str) -> dict[str, Any]:
        shard = self.shards[name]
        numbers = {"StartingSequenceNumber": "0"}
        if shard.closed:
            numbers["EndingSequenceNumber"] = str(shard.count)
        keys = ("ParentShardId", "AdjacentParentShardId")
        parents = dict(zip(keys, shard.parents, strict=False))
        return {"ShardId": name, "SequenceNumberRange": numbers, **parents}

    def get_shard_iterator(self, **arguments: Any) -> dict[str, str]:
        self.iterators.append(arguments)
        place = {
            "TRIM_HORIZON": 0,
            "AT_TIMESTAMP": 0,
            "LATEST": self.shards[arguments["ShardId"]].count,
            "AFTER_SEQUENCE_NUMBER": int(arguments.get("StartingSequenceNumber", 0)) + 1,
        }[arguments["ShardIteratorType"]]
        return {"ShardIterator": f"{arguments['ShardId']}:{place}"}

    def get_records(self, **arguments: Any) -> GetRecordsAnswer:
        name, _, place = arguments["ShardIterator"].partition(":")
        shard = self.shards[name]
        shard.asked.append(self.now_s)
        if self.errors:
            error: Any = {"Error": {"Code": self.errors.pop(), "Message": ""}}
            raise ClientError(error, "GetRecords")
        end = min(int(place) + self.page, shard.count)
        records: list[RawRecord] = [
            {
                "SequenceNumber": str(number),
                "ApproximateArrivalTimestamp": datetime.fromtimestamp(1.25 + number, UTC),
                "Data": f"{name}/{number}".encode(),
                "PartitionKey": "k",
            }
            for number in range(int(place), end)
        ]
        over = shard.closed and end == shard.count
        return {
            "Records": records,
            "NextShardIterator": None if over else f"{name}:{end}",
            "MillisBehindLatest": 1000 * (shard.count - end),
        }


class Written:
    """A recording in memory."""

    def __init__(self) -> None:
        self.shards: list[str] = []
        self.records: list[Record] = []

    def begin(self, shard: str) -> None:
        self.shards.append(shard)

    def write(self, record: Record) -> None:
        assert record.shard in self.shards
        self.records.append(record)


def timer_of(stream: Stream) -> Timer:
    def sleep(seconds: float) -> None:
        stream.now_s += seconds

    return Timer(lambda: stream.now_s, sleep, lambda: False)


def recorded(
    stream: Stream, start: Start = HORIZON, stop_after: int = 10**9, **how: Any
) -> Written:
    written = Written()
    timer = timer_of(stream)._replace(stopped=lambda: len(written.records) >= stop_after)
    count = Recorder(stream, "s", start, written, timer).run(**how)
    assert count == len(written.records)
    return written


def everything(stream: Stream) -> Counter[bytes]:
    return Counter(
        f"{shard.name}/{number}".encode()
        for shard in stream.shards.values()
        for number in range(shard.count)
    )


SPLIT_AND_MERGED = [
    Shard("a", 7, closed=True),
    Shard("b", 4, closed=True),
    Shard("a1", 5, ("a",), closed=True),
    Shard("a2", 0, ("a",)),
    Shard("a1b", 8, ("a1", "b")),
]


def test_up_to_the_tip_every_record_is_read_once() -> None:
    stream = Stream(SPLIT_AND_MERGED)
    written = recorded(stream, until_tip=True)
    assert Counter(record.data for record in written.records) == everything(stream)
    assert sorted(written.shards) == sorted(stream.shards)


def test_records_are_what_get_records_gave() -> None:
    written = recorded(Stream([Shard("a", 1)]), until_tip=True)
    assert written.records == [Record("a", "0", 1250, b"a/0", "k")]


@given(st.data())
def test_a_child_shard_is_never_read_before_its_parents_have_ended(data: st.DataObject) -> None:
    shards: list[Shard] = []
    for number in range(data.draw(st.integers(1, 8))):
        names = [shard.name for shard in shards]
        parents = (
            data.draw(st.lists(st.sampled_from(names), max_size=2, unique=True)) if names else []
        )
        for shard in shards:
            shard.closed = shard.closed or shard.name in parents
        count = data.draw(st.integers(0, 9))
        shards.append(Shard(f"s{number}", count, tuple(parents), data.draw(st.booleans())))
    stream = Stream(shards)
    written = recorded(stream, until_tip=True)
    assert Counter(record.data for record in written.records) == everything(stream)
    order = [record.shard for record in written.records]
    for shard in shards:
        for parent in shard.parents:
            if shard.name in order and parent in order:
                assert order.index(shard.name) > max(
                    place for place, name in enumerate(order) if name == parent
                )


@given(st.integers(1, 4), st.integers(0, 60))
def test_a_shard_is_asked_at_most_five_times_a_second(shards: int, count: int) -> None:
    stream = Stream([Shard(f"s{n}", count) for n in range(shards)])
    recorded(stream, seconds=20)
    for shard in stream.shards.values():
        for number, at in enumerate(shard.asked[5:]):
            assert at - shard.asked[number] > 0.999


def test_a_quiet_shard_is_asked_once_a_second() -> None:
    stream = Stream([Shard("a", 0)])
    recorded(stream, seconds=30)
    assert 28 <= len(stream.shards["a"].asked) <= 31


def test_new_shards_are_read_from_their_begin_while_it_runs() -> None:
    stream = Stream(
        [Shard("a", 5, closed=True), Shard("late", 4, ("a",), listed_after_s=50), Shard("b", 2)]
    )
    written = recorded(stream, start=Start("LATEST", 5_000), seconds=120)
    assert [record.data for record in written.records] == [
        b"late/0",
        b"late/1",
        b"late/2",
        b"late/3",
    ]


def test_children_that_are_listed_late_are_waited_for() -> None:
    stream = Stream([Shard("a", 2, closed=True), Shard("child", 2, ("a",), listed_after_s=10)])
    assert len(recorded(stream, seconds=60).records) == 4


def test_it_ends_after_its_seconds_and_when_it_is_stopped() -> None:
    stream = Stream([Shard("a", 10**6)])
    recorded(stream, seconds=7)
    assert stream.now_s == pytest.approx(7)
    assert len(recorded(Stream([Shard("a", 10**6)]), stop_after=10).records) == 12


@pytest.mark.parametrize(
    "code", ["ProvisionedThroughputExceededException", "ExpiredIteratorException"]
)
def test_after_a_passing_error_no_record_is_missing_and_none_twice(code: str) -> None:
    for after in range(1, 6):
        stream = Stream([Shard("a", 10)], page=2)
        written = Written()
        recorder = Recorder(stream, "s", HORIZON, written, timer_of(stream))
        recorder.run(seconds=after * 0.2 - 0.1)
        stream.errors.append(code)
        recorder.run(until_tip=True)
        assert Counter(record.data for record in written.records) == everything(stream)


def test_latest_asked_again_begins_where_it_began() -> None:
    stream = Stream([Shard("a", 0)])
    stream.errors.append("ExpiredIteratorException")
    recorded(stream, start=Start("LATEST", 5_000), seconds=5)
    kinds = [(asked["ShardIteratorType"], asked.get("Timestamp")) for asked in stream.iterators]
    assert kinds == [("LATEST", None), ("AT_TIMESTAMP", datetime.fromtimestamp(5, UTC))]


def test_any_other_error_ends_it() -> None:
    stream = Stream([Shard("a", 1)])
    stream.errors.append("AccessDeniedException")
    with pytest.raises(ClientError):
        recorded(stream)
