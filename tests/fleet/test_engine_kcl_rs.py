"""What kcl-rs calls becomes calls of a processor, and any error in them ends the process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from tests.fleet.noting import Noting
from worker.errors import Fenced, Unreachable, VoiceInsightsError
from worker.fleet.engine_kcl_rs import KclRsEngine, KclRsProcessor
from worker.fleet.processor import Checkpointed, LeasedRecord, Processor
from worker.stream.record import Record

PASSING = ["ThrottlingException", "KinesisClientLibDependencyException"]


class Named(Exception):
    """As the library's CheckpointError."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value


@dataclass
class Delivered:
    sequence_number: str | None = "17"
    sub_sequence_number: int = 0
    timestamp_millis: int | None = 1_000
    partition_key: str | None = "key"
    data: bytes = b"data"


@dataclass
class Checkpoints:
    errors: list[str] = field(default_factory=list)
    made: list[str | None] = field(default_factory=list)

    def checkpoint(self, sequence_number: str | None = None) -> None:
        if self.errors:
            raise Named(self.errors.pop(0))
        self.made.append(sequence_number)


@dataclass
class Told:
    checkpointer: Checkpoints = field(default_factory=Checkpoints)
    shard_id: str | None = "shardId-000000000003"
    sequence_number: str | None = None
    records: Sequence[Delivered] = (Delivered(),)
    millis_behind_latest: int | None = 250


def _adapter(processor: Processor, failed: list[BaseException] | None = None) -> KclRsProcessor:
    def make() -> Processor:
        return processor

    errors = [] if failed is None else failed
    return KclRsEngine(errors.append, lambda: 0.0).adapter(make)


@pytest.mark.parametrize("sentinel", ["TRIM_HORIZON", "AT_TIMESTAMP", "LATEST", None])
def test_a_shard_without_a_checkpoint_begins_after_nothing(sentinel: str | None) -> None:
    processor = Noting()
    _adapter(processor).initialize(Told(sequence_number=sentinel))
    assert processor.calls == [("shardId-000000000003", None)]


def test_a_checkpoint_s_sequence_number_reaches_the_processor() -> None:
    processor = Noting()
    _adapter(processor).initialize(Told(sequence_number="4711"))
    assert processor.calls == [("shardId-000000000003", "4711")]


def test_records_keep_their_shard_place_and_arrival() -> None:
    processor = Noting()
    adapter = _adapter(processor)
    adapter.initialize(Told())
    told = Told(records=[Delivered(), Delivered(sub_sequence_number=1)])
    adapter.process_records(told)
    record = Record("shardId-000000000003", "17", 1_000, b"data", "key")
    records = [LeasedRecord(record, 0), LeasedRecord(record, 1)]
    assert processor.calls[1:] == [(records, 250), Checkpointed.MADE]
    assert told.checkpointer.made == ["17"]


def test_a_checkpoint_without_a_lease_is_no_error() -> None:
    processor = Noting()
    told = Told(Checkpoints(["ShutdownException"]))
    _adapter(processor).process_records(told)
    assert processor.calls[-1] is Checkpointed.LEASE_GONE


@pytest.mark.parametrize("error", PASSING)
def test_a_checkpoint_that_fails_in_passing_is_left_to_the_next_one(error: str) -> None:
    processor = Noting()
    told = Told(Checkpoints([error]))
    _adapter(processor).process_records(told)
    assert processor.calls[-1] is Checkpointed.DEFERRED
    assert told.checkpointer.made == []


def test_an_end_is_checkpointed_until_it_succeeds() -> None:
    processor = Noting()
    told = Told(Checkpoints([*PASSING]))
    _adapter(processor).shard_ended(told)
    assert processor.calls[-1] is Checkpointed.MADE
    assert told.checkpointer.made == [None]


def test_a_table_that_stays_away_at_an_end_ends_the_process() -> None:
    failed: list[BaseException] = []
    told = Told(Checkpoints(["ThrottlingException"] * 100))
    with pytest.raises(Unreachable):
        _adapter(Noting(), failed).shard_ended(told)
    assert [type(one) for one in failed] == [Unreachable]


def test_an_unknown_error_of_a_checkpoint_ends_the_process() -> None:
    failed: list[BaseException] = []
    with pytest.raises(VoiceInsightsError, match="InvalidStateException"):
        _adapter(Noting(), failed).shard_ended(Told(Checkpoints(["InvalidStateException"])))
    assert len(failed) == 1


@pytest.mark.parametrize("error", [Fenced("gone"), ValueError("a defect")])
def test_an_error_of_a_processor_ends_the_process_before_any_checkpoint(error: Exception) -> None:
    failed: list[BaseException] = []
    told = Told()
    with pytest.raises(type(error)):
        _adapter(Noting(error), failed).process_records(told)
    assert failed == [error]
    assert told.checkpointer.made == []


def test_a_record_without_its_place_ends_the_process() -> None:
    failed: list[BaseException] = []
    with pytest.raises(VoiceInsightsError, match="without its place"):
        _adapter(Noting(), failed).process_records(Told(records=[Delivered(None)]))
    assert len(failed) == 1


def test_ends_reach_the_processor() -> None:
    processor = Noting()
    adapter = _adapter(processor)
    adapter.lease_lost(Told())
    adapter.shard_ended(Told())
    adapter.shutdown_requested(Told())
    assert processor.calls == ["lost", Checkpointed.MADE, Checkpointed.MADE]
