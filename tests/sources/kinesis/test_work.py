"""What fetching and reading cost: counted in calls and bytes, the same on every machine."""

from __future__ import annotations

import json
import tracemalloc
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.counting import calls
from tests.sources.kinesis.test_typed_answers import PLAIN, TYPED, a_record
from worker.events.kpl import user_records
from worker.recordings.reader import read_recording
from worker.recordings.writer import write_recording
from worker.sources.kinesis.api import RecordsAnswer, carry_out
from worker.sources.kinesis.lineage import ShardInfo, StreamDescription
from worker.sources.kinesis.prefetch import RECORD_BYTES
from worker.sources.kinesis.scheduler import Schedule
from worker.stream.position import Position
from worker.stream.record import Record
from worker.testing.aggregates import aggregate

EVENT = b"x" * 900
EVENT_AND_KEY = 903
MANY = 500


def an_answer(records: int) -> bytes:
    return json.dumps({"Records": [a_record(EVENT, 1.5)] * records}).encode()


def calls_a_record(work: Callable[[int], object]) -> float:
    """By how much the work grows with each record, whatever it costs to begin."""
    work(1)
    return (calls(lambda: work(MANY)) - calls(lambda: work(0))) / MANY


def peak(work: Callable[[], object]) -> int:
    """The most bytes that ``work`` has at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_answer_is_parsed_once_and_not_record_by_record() -> None:
    bodies = {records: an_answer(records) for records in (0, 1, MANY)}
    assert calls_a_record(lambda records: TYPED.get_records(bodies[records])) < 8
    assert calls_a_record(lambda records: PLAIN.get_records(bodies[records])) > 40


def test_an_answers_bytes_are_in_memory_as_sent_and_as_data_and_no_third_time() -> None:
    body = an_answer(MANY)
    assert peak(lambda: TYPED.get_records(body)) < len(body) + MANY * 2 * len(EVENT)


@pytest.mark.parametrize("size", [10, 900])
def test_a_record_takes_no_more_memory_than_it_is_counted_with(size: int) -> None:
    sequence_number = "4966" + "0" * 52
    record = a_record(b"x" * size, 1790942399.123, PartitionKey="CA" + "f" * 32)
    record["SequenceNumber"] = sequence_number
    body = json.dumps({"Records": [record] * MANY}).encode()
    TYPED.get_records(body)  # what the first call makes once for all
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        answer = TYPED.get_records(body)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert isinstance(answer, RecordsAnswer)
    counted = answer.size + MANY * RECORD_BYTES
    assert 0.7 * counted < taken <= counted


class Backlog:
    """A stream of so many shards, each of them endlessly behind."""

    def __init__(self, shards: int) -> None:
        listed = tuple(ShardInfo(f"shard {n}") for n in range(shards))
        self._description = StreamDescription("arn", 1, 86_400_000, 2, listed)

    def describe(self) -> StreamDescription:
        return self._description

    def shard_iterator(self, shard: str, position: Position) -> str:
        return "iterator"

    def get_records(self, shard: str, iterator: str) -> RecordsAnswer:
        records = [Record(shard, str(n), n, bytes(900), "key") for n in range(MANY)]
        return RecordsAnswer(records, "iterator", 3_600_000, None, MANY * EVENT_AND_KEY)


def test_what_is_read_ahead_takes_no_more_memory_however_many_shards_are_behind() -> None:
    bound = 4 << 20
    one_answer = MANY * (EVENT_AND_KEY + RECORD_BYTES)

    def read_ahead(shards: int) -> int:
        stream, schedule = Backlog(shards), Schedule({}, 1, lambda: 0.5, bound)

        def work() -> None:
            for now in range(0, 10_000, 1000):
                while (call := schedule.next_call(now)) is not None:
                    schedule.completed(call, carry_out(call, stream), now)

        return peak(work)

    for shards in (20, 200):
        assert bound / 2 < read_ahead(shards) < bound + one_answer + shards * 2000


def test_opening_an_aggregate_takes_no_call_and_one_copy_a_record() -> None:
    bundles = {records: aggregate("key", [EVENT] * records) for records in (0, 1, MANY)}
    assert calls_a_record(lambda records: records and user_records(bundles[records])) < 0.1
    assert peak(lambda: user_records(bundles[MANY])) < 1.3 * MANY * len(EVENT)


def test_a_recording_is_read_in_blocks_with_few_calls_a_record(tmp_path: Path) -> None:
    for records in (0, 1, MANY):
        made = [Record("s", str(n), 1, EVENT, "key") for n in range(max(records, 1))]
        write_recording(tmp_path / str(records), made)
    read = {n: str(tmp_path / str(n)) for n in (0, 1, MANY)}
    assert calls_a_record(lambda records: deque(read_recording(read[records]), maxlen=0)) < 16


@pytest.mark.parametrize("records", [0, 1, MANY])
def test_what_is_counted_is_what_is_read(records: int) -> None:
    answer = TYPED.get_records(an_answer(records))
    assert isinstance(answer, RecordsAnswer)
    assert [one.data for one in answer.records] == [EVENT] * records
