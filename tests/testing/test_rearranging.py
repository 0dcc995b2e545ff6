"""Delivering the same records differently changes none of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.testing.reading import identities, occurrences
from worker.events.occurrence import Damaged
from worker.stream.record import Record
from worker.testing.rearranging import rearranged, with_damage
from worker.testing.traffic import Traffic, simulated_records

RECORDS = list(simulated_records(Traffic(sessions=10, malformed=0, aggregates=0.1), 1))


def is_a_stream(records: list[Record]) -> bool:
    """By arrival, and with growing sequence numbers in each shard."""
    shards: defaultdict[str, list[str]] = defaultdict(list)
    for record in records:
        shards[record.shard].append(record.sequence_number)
    by_arrival = all(one.arrival <= other.arrival for one, other in pairwise(records))
    return by_arrival and all(numbers == sorted(set(numbers)) for numbers in shards.values())


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(st.integers(0, 99), st.integers(1, 12), st.integers(0, 10_000_000), st.floats(0, 1))
def test_rearranged_records_are_the_same_ones_later_elsewhere_and_perhaps_twice(
    seed: int, shards: int, max_delay_ms: int, repeat_fraction: float
) -> None:
    moved = rearranged(RECORDS, seed, shards, max_delay_ms, repeat_fraction)
    assert is_a_stream(moved)
    assert len({record.shard for record in moved}) <= shards
    before = Counter(record.data for record in RECORDS)
    after = Counter(record.data for record in moved)
    assert set(after) == set(before)
    assert all(before[data] <= after[data] <= 2 * before[data] for data in before)
    first = {record.data: record.arrival for record in reversed(RECORDS)}
    assert all(record.arrival >= first[record.data] for record in moved)
    assert identities(moved) == identities(RECORDS)


def test_a_third_repeated_is_about_a_third() -> None:
    moved = rearranged(RECORDS, 1, 7, 3_600_000, 1 / 3)
    assert 1.25 < len(moved) / len(RECORDS) < 1.42
    assert len({record.shard for record in moved}) == 7


@pytest.mark.slow
@settings(deadline=None, max_examples=20)
@given(st.integers(0, 99), st.integers(0, 300))
def test_damage_adds_so_many_dead_letters_and_nothing_else(seed: int, count: int) -> None:
    mixed = with_damage(RECORDS, count, seed)
    assert is_a_stream(mixed)
    assert len(mixed) == len(RECORDS) + count
    found = Counter(type(occurrence) for record in mixed for occurrence in occurrences(record))
    good = Counter(type(occurrence) for record in RECORDS for occurrence in occurrences(record))
    assert found == good + Counter({Damaged: count})
    assert identities(mixed) == identities(RECORDS)
