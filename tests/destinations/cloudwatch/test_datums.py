"""Datums: one series, one minute, within CloudWatch's limits, in one order."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenes import BASE
from worker.destinations.cloudwatch.datums import (
    DATUMS_PER_GROUP,
    VALUES_PER_DATUM,
    groups,
    to_datums,
)
from worker.metrics.distribution import Distribution
from worker.metrics.series import Series

PLAIN = Series("TtsLatency", ())


def spread(distinct: int) -> Distribution:
    return {n * 7: 1 + n % 3 for n in range(distinct)}


@settings(max_examples=40)
@given(st.integers(1, 1000))
def test_a_minute_takes_as_few_datums_as_its_values_need_and_never_a_third(distinct: int) -> None:
    datums = to_datums(PLAIN, BASE, spread(distinct))
    assert len(datums) == (1 if distinct <= VALUES_PER_DATUM else DATUMS_PER_GROUP)
    for datum in datums:
        assert 1 <= len(datum["Values"]) == len(datum["Counts"]) <= VALUES_PER_DATUM
        assert all(one < other for one, other in pairwise(datum["Values"]))
        assert all(count > 0 and type(count) is int for count in datum["Counts"])
    if len(datums) == DATUMS_PER_GROUP:
        assert datums[0]["Values"][-1] < datums[1]["Values"][0]


def test_up_to_300_values_nothing_is_lost() -> None:
    exact = spread(VALUES_PER_DATUM * DATUMS_PER_GROUP)
    found = {
        value: count
        for datum in to_datums(PLAIN, BASE, exact)
        for value, count in zip(datum["Values"], datum["Counts"], strict=True)
    }
    assert found == exact


def test_a_datum_names_its_series_minute_and_unit() -> None:
    series = Series("SttLatency", (("SpeechModel", "nova"), ("TranscriptionProvider", "dg")))
    assert to_datums(series, BASE, {120: 2, 90: 1}) == [
        {
            "MetricName": "SttLatency",
            "Dimensions": [
                {"Name": "SpeechModel", "Value": "nova"},
                {"Name": "TranscriptionProvider", "Value": "dg"},
            ],
            "Timestamp": 1_790_942_400,
            "Unit": "Milliseconds",
            "Values": [90, 120],
            "Counts": [1, 2],
        }
    ]


def test_scales_are_undone() -> None:
    (share,) = to_datums(Series("AgentTalkShare", ()), BASE, {6881: 1, 10_000: 1})
    assert share["Values"] == [68.81, 100.0]


def test_a_whole_window_comes_by_minute_then_series_whatever_its_order() -> None:
    later, tokens = BASE + 60_000, Series("Tokens", ())
    window = {
        (PLAIN, later): {1: 1},
        (tokens, BASE): {2: 1},
        (PLAIN, BASE): {3: 1},
        (Series("Tokens", (("Environment", "a"),)), BASE): {4: 1},
    }
    order = [[datum["Values"] for datum in group] for group in groups(window)]
    assert order == [[[2]], [[4]], [[3]], [[1]]]
    assert list(groups(dict(reversed(window.items())))) == list(groups(window))
