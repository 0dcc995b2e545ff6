"""While a sink is away the outbox grows in the store, up to its limit; then reading waits."""

from __future__ import annotations

from itertools import count
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from tests.servicing import HEAD, Worker
from worker.destinations.cloudwatch.sink import CloudWatchSink
from worker.outbox.destination import Sink
from worker.outbox.entries import EntryKind
from worker.partition.accounting import ACCOUNTED
from worker.sources.kinesis.shard_consumer import Batch
from worker.stream.position import Position
from worker.stream.record import Record
from worker.testing.strict_cloudwatch import CloudWatchFault, Key, StrictCloudWatch
from worker.testing.traffic import Traffic, simulated_records

NOON = 1_790_942_400_000
HOUR_S = 3600
STEP_S = 7
LIMIT = 300_000
BATCH = 50


class Ended(NamedTuple):
    kept: dict[Key, dict[float, int]]
    counters: dict[str, int]
    largest_outbox: int
    most_held: int
    rested: int


def worked(traffic: list[Record], away_s: int, limit: int) -> Ended:
    """All of the traffic, step by step, CloudWatch being away for the first ``away_s``."""
    second = 0
    api = StrictCloudWatch(
        lambda: NOON + second * 1000,
        (CloudWatchFault.CONNECT_TIMEOUT if second < away_s else None for _ in count()),
    )
    sinks: dict[EntryKind, Sink] = {"metrics": CloudWatchSink(api, "Ns")}
    worker = Worker(positions={"s": HEAD}, outbox_bytes=limit, sinks=sinks)
    waiting = list(reversed(traffic))
    largest = most_held = rested = 0
    while waiting or worker.partition.resident or worker.store.backlog().entries:
        second += STEP_S
        worker.now += STEP_S
        worker.turn(*read(worker, waiting, NOON + second * 1000))
        for lane in worker.sender.lanes:
            lane.send_some()
        largest = max(largest, worker.store.backlog().size)
        most_held = max(most_held, worker.partition.resident)
        rested += bool(worker.source.paused)
    counters = {name: worker.partition.counters[name] for name in ACCOUNTED}
    return Ended(api.kept, counters, largest, most_held, rested)


def read(worker: Worker, waiting: list[Record], now: int) -> list[Batch]:
    """What a reader would have by now: all that has come, unless it is to wait."""
    if "s" in worker.source.paused:
        return []
    come: list[Record] = []
    while waiting and waiting[-1].arrival <= now and len(come) < BATCH:
        come.append(replace(waiting.pop(), shard="s"))
    at_tip = not (waiting and waiting[-1].arrival <= now)
    last = come[-1].sequence_number if come else "0"
    position = Position("after", last, now if at_tip else come[-1].arrival)
    return [Batch("s", come, position, now if at_tip else None, 0, gap=False, children={})]


@pytest.fixture(scope="module")
def traffic() -> list[Record]:
    settings = Traffic(sessions=120, start_ms=NOON, spread_s=HOUR_S, delay_median_s=2.0)
    return list(simulated_records(settings, 5))


@pytest.fixture(scope="module")
def calm(traffic: list[Record]) -> Ended:
    return worked(traffic, 0, 1 << 30)


@pytest.mark.slow
def test_an_hour_without_cloudwatch_costs_no_memory_and_all_of_it_is_sent_afterwards(
    traffic: list[Record], calm: Ended
) -> None:
    away = worked(traffic, HOUR_S, 1 << 30)
    assert away.kept == calm.kept
    assert away.counters == calm.counters
    assert away.most_held == calm.most_held
    assert away.largest_outbox > LIMIT > calm.largest_outbox


@pytest.mark.slow
def test_reading_rests_before_the_outbox_is_full_and_goes_on_when_it_drains(
    traffic: list[Record], calm: Ended
) -> None:
    away = worked(traffic, HOUR_S, LIMIT)
    assert calm.rested == 0
    assert away.rested > 60
    assert away.largest_outbox <= LIMIT
    assert away.kept == calm.kept
    assert away.counters == calm.counters
