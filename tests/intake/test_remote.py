"""Reading at the other end of a connection, over a stream in memory: as reading here."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe

import pytest

from tests.scenes import cloud_event
from tests.sources.kinesis.taking import PATIENCE, take_until, wall_clock
from worker.errors import ReaderEnded, StreamReplaced
from worker.events.decode import Delivery, decode_all
from worker.intake.child import Child
from worker.intake.remote import IntakeProcess
from worker.sources.kinesis.api import Failure, FailureKind, KinesisApi
from worker.sources.kinesis.lineage import first_positions
from worker.sources.kinesis.notices import BackedOff, Notice, StageChanged
from worker.sources.kinesis.reader import survey_stream
from worker.sources.kinesis.shard_consumer import Stage
from worker.sources.source import Intake
from worker.stream.position import Position
from worker.testing.strict_kinesis import StrictKinesis


class Thread:
    """The child's work in a thread of this process."""

    def __init__(self, api: KinesisApi) -> None:
        self.connection, others = Pipe()
        child = Child(others, lambda _begin, _parsed_slowly: api)
        self._thread = threading.Thread(target=child.work, daemon=True)
        self._thread.start()

    def ended(self) -> str:
        return "as a thread ends"

    def stop(self) -> None:
        self.connection.close()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


def intake_of(
    kinesis: StrictKinesis,
    created: int | None = None,
    positions: dict[str, Position] | None = None,
    told: list[Notice] | None = None,
) -> IntakeProcess:
    survey = survey_stream(kinesis)
    return IntakeProcess(
        "strict",
        first_positions(survey, "trim_horizon") if positions is None else positions,
        survey.created if created is None else created,
        ([] if told is None else told).append,
        region=None,
        endpoint=None,
        parsed_slowly=lambda _: None,
        launch=lambda: Thread(kinesis),
    )


@contextmanager
def started(intake: IntakeProcess) -> Iterator[IntakeProcess]:
    intake.start()
    try:
        yield intake
    finally:
        intake.stop()


def deliveries_of(taken: list[Intake]) -> list[Delivery]:
    return [delivery for intake in taken for delivery in intake.deliveries]


def events(count: int) -> list[bytes]:
    return [cloud_event(1000 * n, "stt_latency", {"latency_ms": n}, n) for n in range(count)]


def test_each_delivery_comes_once_and_children_after_their_parents() -> None:
    kinesis = StrictKinesis(wall_clock, 2)
    put = [kinesis.put(data, str(n)) for n, data in enumerate(events(60))]
    kinesis.split(kinesis.open_shards()[0])
    put += [kinesis.put(data, str(n)) for n, data in enumerate(events(60))]
    with started(intake_of(kinesis)) as source:
        _, middle, last = kinesis.open_shards()
        kinesis.merge(middle, last)
        put += [kinesis.put(data, str(n)) for n, data in enumerate(events(60))]
        taken = take_until(source.take, lambda taken: len(deliveries_of(taken)) >= 180)
    came = deliveries_of(taken)
    assert sorted(came, key=lambda one: one.place) == decode_all(
        sorted(put, key=lambda one: (one.shard, one.sequence_number))
    )
    shards = [intake.shard for intake in taken]
    ends = {intake.shard: n for n, intake in enumerate(taken) if intake.ended}
    for intake in taken:
        for child in intake.children:
            assert ends[intake.shard] < shards.index(child, ends[intake.shard])


def test_a_paused_shard_gives_nothing_until_it_is_resumed() -> None:
    kinesis = StrictKinesis(wall_clock, 2)
    paused, other = kinesis.open_shards()
    with started(intake_of(kinesis)) as source:
        put = [kinesis.put(data, "0") for data in events(1)] + [
            kinesis.put(data, str(1 << 127)) for data in events(1)
        ]
        take_until(source.take, lambda taken: len(deliveries_of(taken)) == len(put))
        source.pause([paused])
        put = [kinesis.put(data, str(n)) for n, data in enumerate(events(20))]
        expected = [record for record in put if record.shard == other]
        # what was under way may still come
        taken = take_until(source.take, lambda taken: len(of_shard(taken, other)) == len(expected))
        early = len(of_shard(taken, paused))
        source.resume([paused])
        taken += take_until(
            source.take,
            lambda more: len(of_shard(more, paused)) == len(put) - len(expected) - early,
        )
    assert len(deliveries_of(taken)) == len(put)


def of_shard(taken: list[Intake], shard: str) -> list[Delivery]:
    return [one for one in deliveries_of(taken) if one.shard == shard]


def test_the_observer_is_told_of_stages_and_failures() -> None:
    failures = [Failure(FailureKind.THROTTLED, "once")]

    def faults(operation: str, shard: str) -> Failure | None:
        return failures.pop() if operation == "get_records" and failures else None

    kinesis = StrictKinesis(wall_clock, 1, faults=faults)
    told: list[Notice] = []
    with started(intake_of(kinesis, told=told)) as source:
        kinesis.put(b"x", "key")
        take_until(source.take, lambda taken: len(deliveries_of(taken)) == 1)
    (backed_off,) = [notice for notice in told if isinstance(notice, BackedOff)]
    assert backed_off.failure == Failure(FailureKind.THROTTLED, "once")
    assert StageChanged("shardId-000000000000", Stage.READING) in told


def test_an_ended_shard_that_the_stream_has_trimmed_is_told_to_be_forgotten_once() -> None:
    kinesis = StrictKinesis(wall_clock, 1)
    positions = {
        "shardId-gone": Position("ended", "", 1),
        "shardId-000000000000": Position("trim_horizon"),
    }
    forgotten: list[str] = []
    with started(intake_of(kinesis, positions=positions)) as source:
        deadline = time.monotonic() + PATIENCE
        while not forgotten:
            assert time.monotonic() < deadline
            source.take(0.05)
            forgotten += source.forgotten()
        assert forgotten == ["shardId-gone"]
        assert source.forgotten() == []


def test_a_stream_made_anew_is_an_error_here_too() -> None:
    kinesis = StrictKinesis(wall_clock, 1)
    with (
        started(intake_of(kinesis, created=kinesis.created - 1)) as source,
        pytest.raises(StreamReplaced, match="made anew"),
    ):
        take_until(source.take, lambda _: False)


def test_a_defect_there_is_an_error_here_that_says_where_and_not_what() -> None:
    def faults(operation: str, shard: str) -> None:
        if operation == "get_records":
            raise ZeroDivisionError("a caller's words")

    kinesis = StrictKinesis(wall_clock, 1, faults=faults)
    with started(intake_of(kinesis)) as source:
        with pytest.raises(ReaderEnded, match=r"ZeroDivisionError at .*\.py:\d+") as raised:
            take_until(source.take, lambda _: False)
        assert "words" not in str(raised.value)


def test_taking_gives_nothing_when_nothing_comes_in_time() -> None:
    kinesis = StrictKinesis(wall_clock, 1)
    with started(intake_of(kinesis)) as source:
        take_until(source.take, bool)  # the tip's clock
        assert source.take(0) == []
