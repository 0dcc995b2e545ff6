"""What session records add up to, beside the counts of a metrics backend."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.scenes import Result
from worker.metrics.catalogue import CATALOGUE, Hold
from worker.metrics.distribution import total
from worker.reports.record_counts import COUNTED, Beside, beside
from worker.reports.tables import MetricRow
from worker.sessions.record import decode_record
from worker.sessions.schema import SessionRecord
from worker.testing.habits import Habits
from worker.testing.traffic import Traffic, simulated_records

BUSY = Habits(barge_ins=0.3, key_presses=0.2, coughs=0.3, errors=0.3, silences=0.4, digits=0.2)
TRAFFIC = Traffic(sessions=20, spread_s=100, lost=0.02, habits=BUSY)

NOT_IN_RECORDS = {
    "DeliveryDelay",
    "TimeToFirstAudio",
}


@pytest.fixture(scope="module")
def result() -> Result:
    return Result(simulated_records(TRAFFIC, 3))


@pytest.fixture(scope="module")
def records(result: Result) -> list[SessionRecord]:
    return [decode_record(line) for line in result.lines]


def rows(result: Result) -> list[MetricRow]:
    """What an offline replay publishes: exact, whatever it is."""
    samples: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for (metric, dimensions, _), distribution in result.window.items():
        if not dimensions:
            samples[metric] += sum(distribution.values())
            sums[metric] += total(distribution)
    return [
        MetricRow(metric, "", CATALOGUE[metric].unit, count, sums[metric] / count, 0, 0)
        for metric, count in samples.items()
    ]


def test_an_exact_replay_counts_what_its_records_add_up_to(
    result: Result, records: list[SessionRecord]
) -> None:
    found = beside(rows(result), records)
    assert [one for one in found if one.published != one.recorded] == []
    assert len(found) > 25
    assert Beside("SessionsEnded", 20, 20) in found


def test_every_row_of_a_metric_counts(records: list[SessionRecord]) -> None:
    both = [MetricRow("Turns", by, "Count", 4, 1, 1, 1) for by in ("de-DE", "en-GB")]
    turns = sum(one.turns for one in records)
    assert Beside("Turns", 8, turns) in beside(both, records)


def test_what_neither_side_has_is_left_out() -> None:
    assert beside([], []) == []
    assert beside([MetricRow("Turns", "", "Count", 3, 1, 1, 1)], []) == [Beside("Turns", 3, 0)]


def test_every_metric_that_counts_within_sessions_is_laid_beside_their_records() -> None:
    within = {name for name, metric in CATALOGUE.items() if metric.hold is not Hold.SESSION}
    assert within - set(COUNTED) == NOT_IN_RECORDS
