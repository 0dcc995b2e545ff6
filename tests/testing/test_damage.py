"""Damaged records: unreadable, one occurrence each, never a good event."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.testing.reading import occurrences
from worker.events.occurrence import Damaged
from worker.stream.record import Record
from worker.testing.damage import damaged

AT = 1_790_942_400_000


@given(st.integers())
def test_damage_is_one_unreadable_occurrence(seed: int) -> None:
    data = damaged(Random(seed), AT)
    (found,) = occurrences(Record("s", "1", AT, data, "k"))
    assert isinstance(found, Damaged)


def test_damage_is_of_many_kinds() -> None:
    rng = Random(1)
    reasons: Counter[str] = Counter()
    for _ in range(1000):
        (found,) = occurrences(Record("s", "1", AT, damaged(rng, AT), "k"))
        assert isinstance(found, Damaged)
        reasons[found.reason.split(":")[0]] += 1
    assert len(reasons) >= 8
    assert damaged(Random(3), AT) == damaged(Random(3), AT)
