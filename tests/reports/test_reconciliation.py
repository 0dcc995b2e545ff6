"""The ledger against CloudWatch."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.outbox.outboxes import MINUTE, NOON, Log, emptied, lane_of, metrics, store_with, tokens
from worker.destinations.cloudwatch.sink import CloudWatchSink
from worker.metrics.series import Series
from worker.outbox.destination import OnAmbiguous
from worker.outbox.ledger import Note, NoteKey
from worker.reports.reconciliation import ReconciledMinute, compared
from worker.reports.sample_counts import sample_counts
from worker.testing.strict_cloudwatch import StrictCloudWatch, random_faults

TOKENS = Series("Tokens", ())


def note(entry: int, count: int, least: int = 1, most: int = 1, minute: int = NOON) -> Note:
    return Note(entry, "metrics", least, most, ((TOKENS, minute, count),))


def kept(*notes: Note, state: str = "state") -> dict[NoteKey, Note]:
    return {(state, one.entry): one for one in notes}


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (4, "missing"),
        (5, "exact"),
        (6, "within the bound"),
        (10, "within the bound"),
        (11, "too many"),
    ],
)
def test_a_minute_is_exact_or_above_by_no_more_than_its_bound_or_wrong(
    found: int, verdict: str
) -> None:
    notes = kept(note(1, 5, 1, 2))
    (row,) = compared(notes, {(TOKENS, NOON): found}, notes, {})
    assert (row.must, row.bound, row.verdict) == (5, 5, verdict)


def test_what_ends_while_cloudwatch_is_asked_may_be_there_or_not() -> None:
    ended, waiting = kept(note(1, 5)), kept(note(2, 3, 0, 0))
    later = ended | kept(note(2, 3))
    for found in (5, 8):
        (row,) = compared(ended, {(TOKENS, NOON): found}, later, waiting)
        assert row.verdict in ("exact", "within the bound")
        assert row.waiting == 0
    (row,) = compared(ended, {(TOKENS, NOON): 8}, ended, waiting)
    assert (row.waiting, row.verdict) == (3, "too many")


def test_entries_of_two_states_are_told_apart_though_their_numbers_are_the_same() -> None:
    ended = kept(note(1, 5)) | kept(note(1, 2), state="another")
    waiting = kept(note(2, 3, 0, 0), state="another")
    (row,) = compared(ended, {(TOKENS, NOON): 7}, ended | kept(note(2, 0)), waiting)
    assert (row.must, row.waiting, row.verdict) == (7, 3, "exact")


def test_samples_that_nobody_sent_are_too_many() -> None:
    (row,) = compared({}, {(TOKENS, NOON): 1}, {}, {})
    assert row == ReconciledMinute(TOKENS, NOON, 0, 0, 0, 1)
    assert row.verdict == "too many"


class Counts:
    """CloudWatch's GetMetricData, of what a strict one has kept; two minutes a page."""

    def __init__(self, api: StrictCloudWatch) -> None:
        self._api = api
        self.asked: list[int] = []

    def get_metric_data(self, **arguments: Any) -> dict[str, Any]:
        queries = arguments["MetricDataQueries"]
        self.asked.append(len(queries))
        points = [
            (query["Id"], minute, sum(values.values()))
            for query in queries
            for (metric, dimensions, minute), values in sorted(self._api.kept.items())
            if query["MetricStat"]["Metric"]
            == {
                "Namespace": "Ns",
                "MetricName": metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions],
            }
        ]
        start = int(arguments.get("NextToken", "0"))
        page = {"NextToken": str(start + 2)} if start + 2 < len(points) else {}
        results = [
            {
                "Id": id_,
                "Timestamps": [datetime.fromtimestamp(at / 1000, UTC)],
                "Values": [float(n)],
            }
            for id_, at, n in points[start : start + 2]
        ]
        return {"MetricDataResults": results, **page}


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.floats(0, 0.7), st.sampled_from(["resend", "drop"]))
def test_whatever_cloudwatch_does_the_worker_and_the_ledger_never_disagree(
    seed: int, rate: float, on_ambiguous: OnAmbiguous
) -> None:
    api = StrictCloudWatch(lambda: NOON, random_faults(Random(seed), rate))
    log = Log()
    window = tokens(a=1, b=2) | {(TOKENS, NOON - n * MINUTE): {n: 3} for n in range(3)}
    with store_with(*metrics(window), *metrics(tokens(a=9))) as store:
        lane = lane_of(store, CloudWatchSink(api, "Ns"), log, on_ambiguous=on_ambiguous)
        emptied(lane)
    series = sorted({key for one in log.notes for key, _, _ in one.counts})
    found = sample_counts(Counts(api), "Ns", series, NOON - 9 * MINUTE, NOON + MINUTE)
    rows = compared(kept(*log.notes), found, kept(*log.notes), {})
    assert {row.verdict for row in rows} <= {"exact", "within the bound"}


def test_series_are_asked_for_by_the_five_hundred() -> None:
    counts = Counts(StrictCloudWatch(lambda: NOON))
    many = [Series("Tokens", (("Voice", str(n)),)) for n in range(1001)]
    assert sample_counts(counts, "Ns", many, NOON, NOON + MINUTE) == {}
    assert counts.asked == [500, 500, 1]
