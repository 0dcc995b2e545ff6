from __future__ import annotations

from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from worker.cli.series_estimate import estimate
from worker.metrics.catalogue import CATALOGUE, CONTEXT_DIMENSIONS
from worker.metrics.series import SeriesRules
from worker.partition.series_registry import SeriesBook
from worker.sessions.context import Context

OWN_VALUES = {
    "Type": ("SPEECH", "DTMF", "UNKNOWN"),
    "EndStatus": ("unknown", "failure", "ended", "hung_up", "other", "none"),
    "ErrorCode": tuple(str(code) for code in range(64_100, 64_112)),
    "Tool": tuple(f"tool_{number}" for number in range(12)),
}
LABELS = [{}, {"Environment": "production"}, {"Environment": "test"}, {"Agent": "a", "Shop": "b"}]
NAMES = (*CONTEXT_DIMENSIONS, "Environment", "Agent")


def _admitted(rules: SeriesRules) -> int:
    """How many series are admitted when everything comes that can come, and more."""
    book = SeriesBook(rules)
    contexts = [Context(*(f"{one}",) * 6) for one in range(12)]
    for metric, context, account in product(CATALOGUE.values(), contexts, [*rules.labels, "AC?"]):
        for own in OWN_VALUES.get(metric.own_dimension or "", (None,)):
            for owner in (account, ("pinecall", account)):
                _ = book.of(context, owner)[metric.name if own is None else (metric.name, own)]
    return len(book.drain_admitted())


@settings(max_examples=50, deadline=None)
@example(sets={}, labels=[LABELS[1], LABELS[2]], per_set=1, in_all=11)
@given(
    sets=st.dictionaries(
        st.sampled_from(["Turns", "SttLatency", "Errors", "SessionsEnded"]),
        st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True), max_size=2),
        max_size=3,
    ),
    labels=st.lists(st.sampled_from(LABELS), max_size=3),
    per_set=st.integers(1, 11),
    in_all=st.integers(11, 400),
)
def test_never_more_series_are_admitted_than_estimated(
    sets: dict[str, list[list[str]]], labels: list[dict[str, str]], per_set: int, in_all: int
) -> None:
    rules = SeriesRules(
        sets={metric: tuple(map(tuple, some)) for metric, some in sets.items()},
        labels={f"AC{n}": one for n, one in enumerate(labels)},
        per_set=per_set,
        in_all=in_all,
    )
    assert _admitted(rules) <= estimate(rules).at_most


@pytest.mark.parametrize("per_set", [1, 2, 11])
def test_the_estimate_is_reached_when_every_set_is_filled(per_set: int) -> None:
    rules = SeriesRules(per_set=per_set, in_all=10_000)
    assert _admitted(rules) == estimate(rules).at_most


def test_without_sets_the_base_is_one_series_a_metric() -> None:
    rules = SeriesRules(sets={}, in_all=10_000)
    metrics = len(CATALOGUE)
    assert estimate(rules).base == metrics
    assert estimate(rules).at_most == 2 * (metrics + 3 + 6 + 201 + 201)
    assert estimate(rules).base_usd == pytest.approx(0.30 * metrics)


def test_each_different_label_set_has_series_of_its_own() -> None:
    labels = {"AC1": {"Agent": "a"}, "AC2": {"Agent": "a"}, "AC3": {"Agent": "b"}}
    assert estimate(SeriesRules(labels=labels)).base == 2 * len(CATALOGUE)
