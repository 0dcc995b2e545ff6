"""Deltas form a monoid, and a partition restored from them goes on as if nothing had happened."""

from __future__ import annotations

from functools import reduce
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from worker.events.decode import decode as decode_record
from worker.events.event import SessionKey
from worker.partition.delta import Delta, decode, encode, merge
from worker.partition.outputs import Outputs, Packed
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.stream.record import Record
from worker.testing.traffic import Traffic, simulate

RULES = Rules(keep_closed=10**9)


def copied(delta: Delta) -> Delta:
    return decode(encode(delta))


class Owner:
    """A partition's owner that keeps commits as bytes and packed sessions by key."""

    def __init__(self) -> None:
        self.partition = Partition(RULES)
        self.log: list[bytes] = []
        self.archive: dict[SessionKey, Packed] = {}
        self.window: dict[Any, dict[int, int]] = {}
        self.records: dict[SessionKey, bytes] = {}

    def take(self, records: list[Record]) -> None:
        deliveries = [one for record in records for one in decode_record(record)]
        strangers = self.partition.strangers(deliveries)
        recalled = {key: self.archive[key] for key in strangers if key in self.archive}
        self.partition.fold(deliveries, recalled)
        if records:
            self.partition.tip("all", records[-1].arrival)
            self.partition.move("all", ("after", records[-1].sequence_number, 0))
        self.partition.advance(["all"])

    def commit(self) -> None:
        delta, outputs = self.partition.commit()
        self.log.append(encode(delta))
        self._give(outputs)

    def restart(self) -> None:
        """Forget all that isn't committed."""
        self.partition = Partition(RULES, merge(map(decode, self.log)))

    def _give(self, outputs: Outputs) -> None:
        self.archive.update(outputs.packed)
        for key, distribution in outputs.window.items():
            held = self.window.setdefault(key, {})
            for value, count in distribution.items():
                held[value] = held.get(value, 0) + count
        for record in outputs.records:
            self.records[record.key] = record.line


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_stopping_and_restoring_at_any_commit_changes_nothing(seed: int) -> None:
    rng = Random(seed)
    records = list(
        simulate(Traffic(sessions=6, spread_s=240, duplicates=0.1, stragglers=0.02), seed)
    )
    steady, restarted = Owner(), Owner()
    while records:
        batch, records = records[: rng.randrange(1, 80)], records[80:]
        for owner in (steady, restarted):
            owner.take(batch)
            owner.commit()
        if rng.random() < 0.4:
            restarted.restart()
    for owner in (steady, restarted):
        owner.partition.finish(owner.partition.keys())
        owner.commit()
    assert restarted.records == steady.records
    assert restarted.window == steady.window
    assert restarted.partition.counters == steady.partition.counters
    assert restarted.partition.positions == steady.partition.positions


def deltas(seed: int) -> list[Delta]:
    rng, owner = Random(seed), Owner()
    records = list(simulate(Traffic(sessions=5, spread_s=60, stragglers=0.02), seed))
    while records:
        size = rng.randrange(1, 120)
        owner.take(records[:size])
        records = records[size:]
        if rng.random() < 0.2:
            owner.partition.forget_shard(f"shard-{rng.randrange(3)}")
        owner.commit()
    return [decode(data) for data in owner.log]


@settings(max_examples=15)
@given(st.integers(0, 10**6))
def test_merging_is_associative_and_the_empty_delta_changes_nothing(seed: int) -> None:
    all_deltas = deltas(seed)
    whole = encode(merge(map(copied, all_deltas)))
    one_by_one = reduce(lambda a, b: merge([a, b]), map(copied, all_deltas), Delta())
    cut = Random(seed).randrange(len(all_deltas) + 1)
    halves = merge([merge(map(copied, all_deltas[:cut])), merge(map(copied, all_deltas[cut:]))])
    assert encode(one_by_one) == whole
    assert encode(halves) == whole
    assert encode(merge([Delta(), *map(copied, all_deltas), Delta()])) == whole
