"""The reader with its threads, over a stream in memory that goes by the real clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.sources.kinesis.taking import PATIENCE, take_until, wall_clock
from worker.errors import Misconfigured, StreamReplaced, Unreachable
from worker.sources.kinesis.api import KinesisApi, RecordsAnswer, StreamFailure, StreamFailureKind
from worker.sources.kinesis.lineage import StreamDescription, first_positions
from worker.sources.kinesis.reader import Reader, describe_stream
from worker.sources.kinesis.reader_events import BackedOff, ReaderEvent, StageChanged
from worker.sources.kinesis.shard_consumer import Batch, ShardStage
from worker.stream.position import Position
from worker.stream.record import Record
from worker.testing.strict_kinesis import StrictKinesis


def ignore(reader_event: ReaderEvent) -> None:
    pass


@contextmanager
def reading(
    api: KinesisApi, observer: Callable[[ReaderEvent], None] = ignore, threads: int = 4
) -> Iterator[Reader]:
    describe = describe_stream(api)
    positions = first_positions(describe, "trim_horizon")
    reader = Reader(api, positions, describe.created, observer, threads=threads)
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()


def records_of(batches: list[Batch]) -> list[Record]:
    return [record for batch in batches for record in batch.records]


class Hanging:
    """A stream whose answers for one shard never come, until let go."""

    def __init__(self, kinesis: StrictKinesis, shard: str) -> None:
        self._kinesis = kinesis
        self._shard = shard
        self.hangs = threading.Event()
        self.go = threading.Event()

    def describe(self) -> StreamDescription | StreamFailure:
        return self._kinesis.describe()

    def shard_iterator(self, shard: str, position: Position) -> str | StreamFailure:
        return self._kinesis.shard_iterator(shard, position)

    def get_records(self, shard: str, iterator: str) -> RecordsAnswer | StreamFailure:
        if shard == self._shard:
            self.hangs.set()
            self.go.wait()
        return self._kinesis.get_records(shard, iterator)


def test_all_records_of_all_shards_come_each_once_through_splits_and_merges() -> None:
    kinesis = StrictKinesis(wall_clock, 2)
    put = [kinesis.put(b"x", str(n)) for n in range(100)]
    left, right = kinesis.open_shards()
    kinesis.split(left)
    put += [kinesis.put(b"y", str(n)) for n in range(100)]
    with reading(kinesis) as reader:
        _, middle, last = kinesis.open_shards()
        kinesis.merge(middle, last)
        put += [kinesis.put(b"z", str(n)) for n in range(100)]
        taken = take_until(reader.poll, lambda taken: len(records_of(taken)) >= 300)
        assert {view.shard for view in reader.shards()} >= {left, right}
    assert sorted(records_of(taken)) == sorted(put)
    assert kinesis.limits_broken == 0


def test_a_call_that_hangs_leaves_the_other_shards_alone() -> None:
    kinesis = StrictKinesis(wall_clock, 2)
    shard, other = kinesis.open_shards()
    api = Hanging(kinesis, shard)
    with reading(api, threads=2) as reader:
        assert api.hangs.wait(PATIENCE)
        put = [kinesis.put(b"x", str(n)) for n in range(20)]
        expected = [record for record in put if record.shard == other]
        taken = take_until(reader.poll, lambda taken: len(records_of(taken)) >= len(expected))
        assert records_of(taken) == expected
        api.go.set()
        taken += take_until(
            reader.poll, lambda more: len(records_of(more)) >= len(put) - len(expected)
        )
    assert sorted(records_of(taken)) == sorted(put)


class Watched(StrictKinesis):
    """A stream that notes which threads read records from it."""

    readers: set[int]

    def get_records(self, shard: str, iterator: str) -> RecordsAnswer | StreamFailure:
        self.readers.add(threading.get_ident())
        return super().get_records(shard, iterator)


def test_calls_that_follow_one_another_are_made_by_one_thread() -> None:
    kinesis = Watched(wall_clock, 1)
    kinesis.readers = set()
    with reading(kinesis) as reader:
        for _ in range(3):
            kinesis.put(b"x", "key")
            take_until(reader.poll, lambda taken: bool(records_of(taken)))
    assert len(kinesis.readers) == 1


@pytest.mark.slow
def test_stopping_does_not_wait_for_a_call_that_hangs() -> None:
    kinesis = StrictKinesis(wall_clock, 1)
    api = Hanging(kinesis, "shardId-000000000000")
    with reading(api, threads=1) as reader:
        assert api.hangs.wait(PATIENCE)
        reader.stop()
        assert not api.go.is_set()
        assert reader.poll(PATIENCE) == []
        api.go.set()


def test_stopping_wakes_a_consumer_that_waits() -> None:
    kinesis = StrictKinesis(wall_clock, 1)
    reader = Reader(kinesis, {}, kinesis.created, ignore, threads=1)
    came: list[list[Batch]] = []
    consumer = threading.Thread(target=lambda: came.append(reader.poll(1000)))
    consumer.start()
    reader.stop()
    consumer.join(PATIENCE)
    assert came == [[]]


def test_taking_gives_nothing_when_nothing_comes_in_time() -> None:
    kinesis = StrictKinesis(wall_clock, 1)
    reader = Reader(kinesis, {}, kinesis.created, ignore)
    assert reader.poll(0) == []
    assert reader.poll(0.01) == []


def test_a_stream_created_again_reaches_the_consumer_as_its_error() -> None:
    kinesis = StrictKinesis(wall_clock, 1)
    reader = Reader(kinesis, {}, kinesis.created - 1, ignore)
    reader.start()
    with pytest.raises(StreamReplaced):
        reader.poll(PATIENCE)
    reader.stop()


def test_a_bug_in_a_thread_reaches_the_consumer() -> None:
    def faults(operation: str, shard: str) -> None:
        if operation == "get_records":
            raise ZeroDivisionError

    kinesis = StrictKinesis(wall_clock, 1, faults=faults)
    with reading(kinesis) as reader, pytest.raises(ZeroDivisionError):
        reader.poll(PATIENCE)


def test_the_observer_receives_stages_and_failures() -> None:
    failures = [StreamFailure(StreamFailureKind.THROTTLED, "once")]

    def faults(operation: str, shard: str) -> StreamFailure | None:
        return failures.pop() if operation == "get_records" and failures else None

    kinesis = StrictKinesis(wall_clock, 1, faults=faults)
    told: list[ReaderEvent] = []
    with reading(kinesis, told.append) as reader:
        kinesis.put(b"x", "key")
        take_until(reader.poll, lambda taken: len(records_of(taken)) == 1)
    (backed_off,) = [reader_event for reader_event in told if isinstance(reader_event, BackedOff)]
    assert backed_off.failure.kind is StreamFailureKind.THROTTLED
    assert backed_off.attempt == 1
    assert StageChanged("shardId-000000000000", ShardStage.READING) in told


def test_a_paused_shard_gives_nothing_until_it_is_resumed() -> None:
    kinesis = StrictKinesis(wall_clock, 2)
    paused, other = kinesis.open_shards()
    put = [kinesis.put(b"x", str(n)) for n in range(20)]
    expected = [record for record in put if record.shard == other]
    describe = describe_stream(kinesis)
    reader = Reader(kinesis, first_positions(describe, "trim_horizon"), describe.created, ignore)
    reader.pause([paused])
    reader.start()
    taken = take_until(reader.poll, lambda taken: len(records_of(taken)) >= len(expected))
    assert records_of(taken) == expected
    assert [view.paused for view in reader.shards()] == [True, False]
    reader.resume([paused])
    taken += take_until(reader.poll, lambda more: len(records_of(more)) >= len(put) - len(expected))
    assert sorted(records_of(taken)) == sorted(put)
    reader.stop()


def test_an_ended_shard_that_the_stream_has_trimmed_is_reported_as_expired() -> None:
    kinesis = StrictKinesis(wall_clock, 1)
    positions = {
        "shardId-gone": Position("ended", "", 1),
        "shardId-000000000000": Position("trim_horizon"),
    }
    reader = Reader(kinesis, positions, kinesis.created, ignore)
    reader.start()
    take_until(reader.poll, bool)
    assert reader.expired() == ["shardId-gone"]
    assert reader.expired() == []
    reader.stop()


def test_a_start_tries_again_while_the_service_is_away() -> None:
    failures = [
        StreamFailure(StreamFailureKind.UNAVAILABLE, "503"),
        StreamFailure(StreamFailureKind.THROTTLED, "rate"),
    ]
    kinesis = StrictKinesis(
        wall_clock, 1, faults=lambda *call: failures.pop() if failures else None
    )
    slept: list[float] = []
    assert describe_stream(kinesis, slept.append, lambda: 0.5).shards[0].parents == ()
    assert slept == [0.75, 1.0]


def test_a_start_gives_up_when_the_service_stays_away() -> None:
    away = StreamFailure(StreamFailureKind.UNAVAILABLE, "no connection")
    kinesis = StrictKinesis(wall_clock, 1, faults=lambda *call: away)
    with pytest.raises(Unreachable, match="no connection"):
        describe_stream(kinesis, lambda seconds: None)


@pytest.mark.parametrize(
    "kind", [StreamFailureKind.GONE, StreamFailureKind.DENIED, StreamFailureKind.REFUSED]
)
def test_a_start_on_no_stream_or_without_access_ends_at_once(kind: StreamFailureKind) -> None:
    kinesis = StrictKinesis(wall_clock, 1, faults=lambda *call: StreamFailure(kind, "why"))
    with pytest.raises(Misconfigured, match="why"):
        describe_stream(kinesis, lambda seconds: pytest.fail("tried again"))
