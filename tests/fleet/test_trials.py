"""What a fleet's trials hold to is true of their calls, by whomever and however they are read.

A trial takes minutes, and what it may do to the order of reading happens seldom. Here the shards
are read in all sorts of orders, without processes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random
from typing import Final

import pytest
from msgspec.structs import replace

from tests.fleet.trials import HINDERED, MOVED, SHOWN, Trial, longest_silence_ms
from worker.events.decode import decode_all
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.stream.position import Position
from worker.stream.record import Record

TRIALS: Final = {**HINDERED, "moved": MOVED, "shown": SHOWN}

ASLEEP_S: Final = 90
"""For how long a shard is read by nobody, at most: longer than any lease lasts."""

CONTRADICTED: Final = ("samples_retracted", "sessions_revised", "late_events")


def fed(trial: Trial, rng: Random) -> list[Record]:
    """A trial's records as they arrive from a feeder that stands still once, for a good part of the
    time in which a call closes: what is due meanwhile arrives at the end.
    """
    records = trial.records()
    last = records[-1].arrival
    begins = last - rng.randrange(trial.fed_s * 1000)
    ends = begins + trial.holds["close_idle_s"] * 400
    arrivals = [last - int((last - one.arrival) / trial.speed) for one in records]
    return [
        replace(record, arrival=ends if begins <= arrival < ends else arrival)
        for record, arrival in zip(records, arrivals, strict=True)
    ]


class Reading:
    """A partition that reads what has arrived of each shard, as far as it happens to."""

    def __init__(self, trial: Trial, records: list[Record]) -> None:
        held = {name.removesuffix("_s"): 1000 * value for name, value in trial.holds.items()}
        self.partition = Partition(Rules(**held))  # type: ignore[arg-type]
        self._waiting: dict[str, list[Record]] = defaultdict(list)
        for record in reversed(records):
            self._waiting[record.shard].append(record)
        self._shards = sorted(self._waiting)

    def read(self, shard: str, now: int, most: int) -> None:
        """Read ``most`` records of those that have arrived by ``now``, or the shard's tip."""
        waiting, batch = self._waiting[shard], list[Record]()
        while waiting and waiting[-1].arrival <= now and len(batch) < most:
            batch.append(waiting.pop())
        if batch:
            last = batch[-1]
            self.partition.fold(decode_all(batch))
            self.partition.move(shard, Position("after", last.sequence_number, last.arrival))
        else:
            self.partition.tip(shard, now)
        self.partition.advance(self._shards)

    def read_all(self, rng: Random, begin: int, end: int) -> None:
        """Read all, each shard by an owner that is at times asleep, until ``end``."""
        asleep = dict.fromkeys(self._shards, 0)
        now = begin
        while now < end:
            now += rng.randrange(200, 1_500)
            for shard in self._shards:
                if now < asleep[shard]:
                    continue
                if now < end - 1000 * ASLEEP_S and rng.random() < 0.01:
                    asleep[shard] = now + rng.randrange(1000 * ASLEEP_S)
                else:
                    self.read(shard, now, rng.choice((10, 100, 1_000)))


def read(trial: Trial, seed: int) -> Counter[str]:
    """The counters in the end."""
    rng = Random(f"{seed} {trial.seed} {trial.sessions}")
    records = fed(trial, rng)
    assert longest_silence_ms(records) < 1000 * trial.holds["close_idle_s"]
    reading = Reading(trial, records)
    begin, end = records[0].arrival, records[-1].arrival
    reading.read_all(rng, begin, end + 1000 * (trial.holds["close_idle_s"] + 2 * ASLEEP_S))
    assert reading.partition.counters["occurrences"] == len(decode_all(records))
    assert reading.partition.resident == 0
    return reading.partition.counters


@pytest.mark.parametrize("name", TRIALS)
@pytest.mark.parametrize("seed", range(2))
def test_no_event_of_a_trial_contradicts_what_was_emitted(name: str, seed: int) -> None:
    counters = read(TRIALS[name], seed)
    assert {one: counters[one] for one in CONTRADICTED} == dict.fromkeys(CONTRADICTED, 0)


def test_a_shorter_hold_of_calls_that_are_fed_faster_than_they_happen_is_in_vain() -> None:
    trial = HINDERED["kcl-rs"]
    holds = {**trial.holds, "hold_direct_s": 60}
    assert read(trial._replace(holds=holds), 0)["samples_retracted"]
