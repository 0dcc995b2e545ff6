"""All buckets of a fleet together give what one worker gives, whatever is routed twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.building import accounts_add_up
from tests.fleet.routed import LAYOUT
from tests.test_oracle import NOISY
from worker.events.decode import decode_all
from worker.fleet.bundles import decode_bundle
from worker.fleet.processor import LeasedRecord
from worker.fleet.receipt import Receipt
from worker.fleet.routing import BundlePut, Marks, Routing
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.stream.record import Record
from worker.testing.traffic import SimulatedPlatform, Traffic, simulated_records

RULES = Rules(expire_after=None, max_held=None, sequence_numbers="contiguous")


class Outcome(NamedTuple):
    """What a partition counts, and what it emits."""

    counters: Counter[str]
    records: Counter[bytes]
    letters: Counter[tuple[str, Any, str]]
    samples: Counter[tuple[Any, int, int]]


def outcome(partition: Partition) -> Outcome:
    """The outcome at the end of the input."""
    partition.finish(partition.keys())
    outputs = partition.outputs()
    letters = outputs.dead_letters
    assert accounts_add_up(partition.counters)
    return Outcome(
        +partition.counters,
        Counter(one.line for one in outputs.records),
        Counter((one.sequence_number, one.sub_sequence, one.reason) for one in letters),
        Counter(
            {
                (series, minute, value): count
                for (series, minute), distribution in outputs.window.items()
                for value, count in distribution.items()
            }
        ),
    )


def of_one_worker(records: Iterable[Record]) -> Outcome:
    partition = Partition(RULES)
    partition.fold(decode_all(records))
    return outcome(partition)


def of_a_fleet(records: Iterable[Record], rng: Random) -> tuple[Outcome, int]:
    """What all buckets give together, and how many records they were given twice."""
    buckets = [(Receipt(LAYOUT, one, {}), Partition(RULES)) for one in range(LAYOUT.buckets)]
    twice = 0
    for put in puts(records, rng):
        receipt, partition = buckets[put.bucket]
        received = receipt.take(decode_bundle(put.data))
        twice += received.repeated
        for batch in received.batches:
            partition.fold(batch.deliveries)
    parts = [outcome(partition) for _, partition in buckets]
    return Outcome(*(sum(some, Counter()) for some in zip(*parts, strict=True))), twice


def puts(records: Iterable[Record], rng: Random) -> Iterator[BundlePut]:
    """The keyed stream of routers that lose their leases at times."""
    shards: dict[str, list[LeasedRecord]] = {}
    for one in records:
        shards.setdefault(one.shard, []).append(LeasedRecord(one))
    routings = {shard: Routing(LAYOUT, shard, None) for shard in shards}
    read = dict.fromkeys(shards, 0)
    while waiting := [shard for shard in shards if read[shard] < len(shards[shard])]:
        shard = rng.choice(waiting)
        batch = shards[shard][read[shard] : read[shard] + rng.randrange(1, 60)]
        read[shard] += len(batch)
        for round_ in routings[shard].route(batch):
            yield from round_
        routings[shard].acknowledged()
        if rng.random() < 0.3:
            marks = Marks(LAYOUT, routings.values())
            yield from marks.puts
            marks.acknowledged()
        if rng.random() < 0.1:
            settled = routings[shard].settled
            routings[shard] = Routing(LAYOUT, shard, settled or None)
            numbers = [one.record.sequence_number for one in shards[shard]]
            read[shard] = numbers.index(settled) + 1 if settled else 0


@settings(max_examples=10)
@given(st.integers(0, 1 << 32))
def test_noisy_traffic_gives_the_same(seed: int) -> None:
    records = list(simulated_records(NOISY, seed))
    found, _ = of_a_fleet(records, Random(seed))
    assert found == of_one_worker(records)


@pytest.mark.parametrize("platform", ["twilio", "pinecall", "both"])
def test_usual_traffic_of_each_platform_gives_the_same(platform: SimulatedPlatform) -> None:
    traffic = replace(Traffic(sessions=40), platform=platform, aggregates=0.2)
    records = list(simulated_records(traffic, 1))
    found, twice = of_a_fleet(records, Random(1))
    assert twice > 0
    assert found == of_one_worker(records)
    assert found.counters["folded"] > 1_000
