"""Rearranged deliveries of the same records, which must not change any result."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from msgspec.structs import replace

from worker.stream.record import Record
from worker.testing.damage import damaged
from worker.testing.traffic import SimulatedNumbering, shard_id


def rearranged(
    records: Iterable[Record], seed: int, shards: int, max_delay_ms: int, repeat_fraction: float
) -> list[Record]:
    """``records`` on ``shards`` shards at random, each delayed by 0 to ``max_delay_ms``.

    A ``repeat_fraction`` (0 to 1) of them arrives twice, with independent delays. The result is
    ordered by the new arrival, with new sequence numbers; data and partition keys are unchanged.
    """
    rng = Random(f"{seed}:rearranged")
    moved = []
    for record in records:
        times = 2 if rng.random() < repeat_fraction else 1
        for _ in range(times):
            arrival = record.arrival + rng.randrange(max_delay_ms + 1)
            shard = shard_id(rng.randrange(shards))
            moved.append(replace(record, arrival=arrival, shard=shard))
    return _renumbered(moved)


def with_damage(records: Iterable[Record], count: int, seed: int) -> list[Record]:
    """``records`` with ``count`` unreadable records of every kind at random places among them.

    Each is one occurrence and arrives together with a good record on the same shard. Sequence
    numbers are new. Raises ``IndexError`` if ``records`` is empty.
    """
    good = list(records)
    rng = Random(f"{seed}:damage")
    bad = [
        replace(beside, data=damaged(rng, beside.arrival), partition_key=f"damaged-{number}")
        for number, beside in enumerate(rng.choices(good, k=count))
    ]
    return _renumbered(good + bad)


def _renumbered(records: list[Record]) -> list[Record]:
    records.sort(key=_arrival)
    numbering = SimulatedNumbering()
    return [replace(record, sequence_number=numbering.next_in(record.shard)) for record in records]


def _arrival(record: Record) -> int:
    return record.arrival
