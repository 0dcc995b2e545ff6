"""Stream time goes on only by dates that the machine's clock supports."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import Misconfigured
from worker.sources.kinesis.api import DescribeStream, GetIterator, GetRecords, RecordsAnswer
from worker.sources.kinesis.client import Kinesis
from worker.sources.kinesis.clocks import AGREE_WITHIN, ClockDoubt, supported
from worker.sources.kinesis.lineage import (
    ShardInfo,
    StreamDescription,
    expired_shards,
    first_positions,
)
from worker.sources.kinesis.reader_events import ClocksDiffer, ReaderEvent
from worker.sources.kinesis.scheduler import Schedule
from worker.stream.position import Position

NOON = 1_790_942_400_000
DAY = 86_400_000
TIMES = st.integers(NOON - 30 * DAY, NOON + 30 * DAY)


@given(TIMES, TIMES)
def test_a_date_counts_as_the_earlier_of_two_clocks_that_agree(server: int, machine: int) -> None:
    found = supported(server, machine)
    if abs(server - machine) <= AGREE_WITHIN:
        assert found == min(server, machine)
    else:
        assert found == ClockDoubt(server, machine)


class Stub:
    """A stream whose every answer bears a date; one shard, nothing on it."""

    def __init__(self, date_ms: int) -> None:
        self._dated = {"HTTPHeaders": {"date": formatdate(date_ms / 1000, usegmt=True)}}

    def describe_stream_summary(self, **_: object) -> dict[str, Any]:
        summary = {
            "StreamARN": "arn",
            "StreamCreationTimestamp": "2026-01-01T00:00:00Z",
            "RetentionPeriodHours": 24,
        }
        return {"StreamDescriptionSummary": summary, "ResponseMetadata": self._dated}

    def list_shards(self, **_: object) -> dict[str, Any]:
        return {"Shards": [{"ShardId": "a"}], "ResponseMetadata": self._dated}

    def get_shard_iterator(self, **_: object) -> dict[str, Any]:
        return {"ShardIterator": "i", "ResponseMetadata": self._dated}

    def get_records(self, **_: object) -> dict[str, Any]:
        empty = {"Records": [], "NextShardIterator": "j", "MillisBehindLatest": 0}
        return {**empty, "ResponseMetadata": self._dated}


def read_once(kinesis: Kinesis) -> tuple[int, list[ReaderEvent]]:
    """How far a shard has come after an empty answer at its tip, and the reader events of that."""
    description = kinesis.describe()
    assert isinstance(description, StreamDescription)
    positions = {"a": Position("after", "1", NOON - DAY)}
    schedule = Schedule(positions, description.created, lambda: 0.5, 1 << 20)
    told: list[ReaderEvent] = []
    for now in range(0, 5000, 500):
        call = schedule.next_call(now)
        if isinstance(call, DescribeStream):
            told += schedule.completed(call, description, now)
        elif isinstance(call, GetIterator):
            told += schedule.completed(call, "i", now)
        elif isinstance(call, GetRecords):
            answer = kinesis.get_records("a", "i")
            assert isinstance(answer, RecordsAnswer)
            told += schedule.completed(call, answer, now)
            (batch,) = schedule.drain_batches(now, 1 << 20)
            return batch.position.seen_to, told
    raise AssertionError("the shard was never read")


@pytest.mark.parametrize("apart", [-20 * DAY, -AGREE_WITHIN - 1000, AGREE_WITHIN + 1000, DAY])
def test_at_a_shards_tip_time_stands_while_the_clocks_differ_and_both_are_reported(
    apart: int,
) -> None:
    kinesis = Kinesis(Stub(NOON + apart), "s", now=lambda: NOON)
    seen_to, told = read_once(kinesis)
    assert seen_to == NOON - DAY
    doubt = ClockDoubt(NOON + apart, NOON)
    assert [one for one in told if isinstance(one, ClocksDiffer)] == [
        ClocksDiffer("", doubt),
        ClocksDiffer("a", doubt),
    ]


@pytest.mark.parametrize("apart", [-AGREE_WITHIN, -3000, 0, 3000, AGREE_WITHIN])
def test_at_a_shards_tip_time_goes_on_to_the_earlier_of_clocks_that_agree(apart: int) -> None:
    seen_to, told = read_once(Kinesis(Stub(NOON + apart), "s", now=lambda: NOON))
    assert seen_to == NOON + min(apart, 0)
    assert not [one for one in told if isinstance(one, ClocksDiffer)]


def test_an_emulators_date_is_believed_by_itself_where_that_is_asked_for() -> None:
    seen_to, told = read_once(Kinesis(Stub(NOON - DAY // 2), "s", now=None))
    assert seen_to == NOON - DAY // 2
    assert not [one for one in told if isinstance(one, ClocksDiffer)]


def a_survey(server_date: int | None, doubt: ClockDoubt | None = None) -> StreamDescription:
    return StreamDescription("arn", NOON - 90 * DAY, DAY, server_date, (ShardInfo("a"),), doubt)


def test_latest_is_refused_while_nobody_knows_what_time_it_is() -> None:
    doubted = a_survey(None, ClockDoubt(NOON + DAY, NOON))
    with pytest.raises(Misconfigured, match=r"2026-10-03T12:00.*2026-10-02T12:00"):
        first_positions(doubted, "latest")
    assert first_positions(doubted, "trim_horizon") == {"a": Position("trim_horizon")}


def test_no_shard_expires_by_a_date_in_doubt() -> None:
    long_ended = {"z": Position("ended", "", NOON - 30 * DAY)}
    assert expired_shards(long_ended, a_survey(NOON)) == {"z"}
    assert expired_shards(long_ended, a_survey(None, ClockDoubt(NOON + DAY, NOON))) == frozenset()


def test_a_date_in_doubt_makes_no_gap() -> None:
    """A day ahead, the stream would seem to have dropped what was to be read next."""
    kinesis = Kinesis(Stub(NOON + 10 * DAY), "s", now=lambda: NOON)
    description = kinesis.describe()
    assert isinstance(description, StreamDescription)
    positions = {"a": Position("after", "1", NOON - 1000)}
    schedule = Schedule(positions, description.created, lambda: 0.5, 1 << 20)
    for now in range(0, 5000, 500):
        call = schedule.next_call(now)
        if call is not None:
            outcome = (
                description if isinstance(call, DescribeStream) else kinesis.get_records("a", "i")
            )
            schedule.completed(call, "i" if isinstance(call, GetIterator) else outcome, now)
        assert not any(batch.gap for batch in schedule.drain_batches(now, 1 << 20))
