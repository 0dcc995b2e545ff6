"""Totals go through crashes and restarts with the rest of a partition, and end when not kept."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.events.decode import decode as decode_record
from worker.metrics.distribution import Distribution, add
from worker.metrics.series import Series, SeriesRules
from worker.metrics.totals import SeriesTotals, Totals
from worker.partition.delta import decode_delta, encode_delta, merge
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.stream.record import Record
from worker.testing.traffic import Traffic, simulated_records

RULES = Rules(totals=True)


class Owner:
    """A partition's owner that keeps deltas, and all samples that were given out."""

    def __init__(self, rules: Rules) -> None:
        self.partition = Partition(rules)
        self.log: list[bytes] = []
        self.given: dict[Series, Distribution] = {}
        self.totals: Totals | None = None

    def take(self, records: list[Record]) -> None:
        deliveries = [one for record in records for one in decode_record(record)]
        self.partition.fold(deliveries)
        self.partition.tip("all", records[-1].arrival)
        self.partition.advance(["all"])

    def finish(self) -> None:
        self.partition.finish(self.partition.keys())
        self.commit()

    def commit(self) -> None:
        delta, outputs = self.partition.commit()
        self.log.append(encode_delta(delta))
        self.totals = outputs.totals
        for (series, _), samples in outputs.window.items():
            add(self.given.setdefault(series, {}), samples)

    def restart(self, rules: Rules) -> None:
        """Go on from what is committed, half of it compacted."""
        half = len(self.log) // 2
        deltas = [decode_delta(data) for data in self.log]
        self.log = [encode_delta(merge(deltas[:half])), *self.log[half:]]
        self.partition = Partition(rules, merge(map(decode_delta, self.log)))


def traffic(seed: int) -> list[Record]:
    return list(
        simulated_records(Traffic(sessions=8, spread_s=240, duplicates=0.1, stragglers=0.05), seed)
    )


def series_of(totals: Totals | None) -> dict[Series, SeriesTotals]:
    return {} if totals is None else totals.series


def batches(records: list[Record], rng: Random) -> list[list[Record]]:
    found = []
    while records:
        size = rng.randrange(1, 120)
        found.append(records[:size])
        records = records[size:]
    return found


@settings(max_examples=8)
@given(st.integers(0, 10**6))
def test_totals_survive_restarts_and_amount_to_all_that_was_given_out(seed: int) -> None:
    rng = Random(seed)
    steady, restarted = Owner(RULES), Owner(RULES)
    for batch in batches(traffic(seed), rng):
        for owner in (steady, restarted):
            owner.take(batch)
            owner.commit()
        if rng.random() < 0.4:
            restarted.restart(RULES)
    for owner in (steady, restarted):
        owner.finish()
    assert restarted.totals == steady.totals
    assert steady.totals is not None
    assert steady.totals.series.keys() == steady.given.keys()
    for series, samples in steady.given.items():
        totals = steady.totals.series[series]
        assert totals.count == sum(samples.values())
        assert totals.sum == sum(value * times for value, times in samples.items())
        assert (totals.min, totals.max) == (min(samples), max(samples))


def test_a_restored_partition_has_its_totals_before_it_gives_out_anything() -> None:
    owner = Owner(RULES)
    owner.take(traffic(1))
    owner.finish()
    before = owner.totals
    assert before is not None
    owner.restart(RULES)
    owner.commit()
    assert owner.totals == before


@pytest.mark.parametrize("compacted", [False, True])
def test_totals_that_were_not_kept_for_a_while_begin_at_another_start(compacted: bool) -> None:
    first, second, third = (traffic(seed) for seed in (1, 2, 3))
    owner = Owner(RULES)
    owner.take(first)
    owner.finish()
    owner.restart(Rules())
    owner.take(second)
    owner.finish()
    assert series_of(owner.totals) == {}
    owner.restart(RULES)
    if compacted:
        owner.restart(RULES)
    owner.given.clear()
    owner.take(third)
    owner.finish()
    counts = {series: one.count for series, one in series_of(owner.totals).items()}
    assert counts == {series: sum(one.values()) for series, one in owner.given.items()}


def test_a_delta_has_only_what_changed() -> None:
    owner = Owner(RULES)
    owner.take(traffic(1))
    owner.finish()
    owner.commit()
    assert [decode_delta(data).totals is None for data in owner.log] == [False, True]


def test_totals_have_no_more_series_than_are_admitted() -> None:
    owner = Owner(RULES._replace(series=SeriesRules(per_set=1, in_all=50)))
    owner.take(traffic(4))
    owner.finish()
    assert owner.totals is not None
    assert owner.totals.series.keys() <= set(merge(map(decode_delta, owner.log)).series)
