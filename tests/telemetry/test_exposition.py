"""Metrics as text: by the library of those who know the formats, and to Prometheus's liking."""

from __future__ import annotations

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_modern
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from tests.promtool import checked
from tests.telemetry.progresses import FACTS, NOW, progress
from tests.telemetry.replays import totals_of
from worker.metrics.catalogue import DEFAULT_DIMENSION_SETS
from worker.telemetry.calls import call_families
from worker.telemetry.catalogue import TELEMETRY_METRICS
from worker.telemetry.exposition import (
    OPENMETRICS_TYPE,
    TEXT_TYPE,
    content_type_for,
    exposition,
)
from worker.telemetry.families import Family, Point, label_name, labels_of
from worker.telemetry.prometheus import own_families, process_families
from worker.telemetry.snapshot import EventCounts, ReportPeriod, TelemetrySnapshot, snapshot_of
from worker.testing.traffic import Traffic, simulated_records

PROMETHEUS_ACCEPTS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


def whole_page() -> list[Family]:
    """Of a worker at work, with every metric of its own."""
    snapshot = snapshot_of(progress(), EventCounts(NOW, {}, 0), ReportPeriod(), NOW)
    values = {name: 1.0 for name, one in TELEMETRY_METRICS.items() if one.label is None}
    labelled = {
        name: {"x": 2.0} for name, one in TELEMETRY_METRICS.items() if one.label is not None
    }
    totals = totals_of(simulated_records(Traffic(sessions=40), 3))
    return [
        *own_families(TelemetrySnapshot({**values, **snapshot.values}, labelled)),
        *process_families(FACTS),
        *call_families(totals, DEFAULT_DIMENSION_SETS, "on"),
    ]


def test_prometheus_has_nothing_to_say_about_it() -> None:
    assert checked("check", "metrics", stdin=exposition(whole_page())) == ""


def test_both_formats_say_the_same_and_the_modern_one_since_when() -> None:
    page = whole_page()
    plain = samples(list(parse_plain(exposition(page))))
    modern = samples(list(parse_modern(exposition(page, OPENMETRICS_TYPE))))  # type: ignore[no-untyped-call]
    starts = {one for one in modern if one[0].endswith("_created")}
    assert starts
    assert {one: value for one, value in modern.items() if one not in starts} == plain
    assert len({modern[one] for one in starts}) == 1


def samples(families: list[Metric]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    found = [one for family in families for one in family.samples]
    values = {(one.name, tuple(sorted(one.labels.items()))): one.value for one in found}
    assert len(values) == len(found)
    return values


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", TEXT_TYPE),
        ("*/*", TEXT_TYPE),
        ("text/plain;version=0.0.4", TEXT_TYPE),
        (PROMETHEUS_ACCEPTS, OPENMETRICS_TYPE),
        ("Application/OpenMetrics-Text; version=x\x7f", OPENMETRICS_TYPE),
        ("text/html, not application/openmetrics-text", TEXT_TYPE),
    ],
)
def test_the_format_is_the_one_that_is_asked_for(accept: str, kind: str) -> None:
    assert content_type_for(accept) == kind


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("TtsProvider", "tts_provider"),
        ("Language", "language"),
        ("le", "label_le"),
        ("Job", "label_job"),
        ("__name__", "name"),
        ("9lives", "label_9lives"),
        ("Cost-Centre", "cost_centre"),
        ("§", "label"),
    ],
)
def test_a_dimensions_name_becomes_one_that_a_label_may_have(name: str, label: str) -> None:
    assert label_name(name) == label


def test_two_names_that_become_one_label_share_it() -> None:
    assert labels_of([("Cost-Centre", "a"), ("Cost_Centre", "b")]) == {"cost_centre": "a;b"}


def test_a_labels_value_can_say_nothing_else() -> None:
    value = 'a"} 1\n\\'
    family = Family("one", "gauge", "", "two\nlines", [Point("", {"x": value}, 3)])
    (parsed,) = parse_plain(exposition([family]))
    assert [one.labels for one in parsed.samples] == [{"x": value}]
