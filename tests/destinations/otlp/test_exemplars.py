"""An exemplar leads from a histogram to the trace of its slowest sample's session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.destinations.otlp.sending import CALM, NAMES, RESOURCE, lines_of, replayed
from worker.destinations.otlp.identifiers import is_in_share, trace_id_of
from worker.destinations.otlp.metric_encoding import encode_metrics
from worker.destinations.otlp.metrics import MetricRequests, decode_points
from worker.destinations.otlp.points import OtlpPoint
from worker.destinations.otlp.spans import key_of
from worker.destinations.otlp.traces import TraceSelection
from worker.metrics.instruments import instrument_of
from worker.partition.commit_outputs import Outputs
from worker.partition.rules import Rules
from worker.sessions.record import decode_record

EVERY: Final = TraceSelection()


@pytest.fixture(scope="module")
def commits() -> list[Outputs]:
    return replayed(CALM, 5, Rules(totals=True, exemplars=True))


def points_of(
    commits: list[Outputs], selection: TraceSelection | None
) -> Iterator[tuple[Outputs, OtlpPoint]]:
    requests = MetricRequests(NAMES, "cumulative", selection)
    for outputs in commits:
        for body in requests.requests(outputs):
            yield from ((outputs, point) for point in decode_points(body))


def test_the_slowest_sample_of_a_minute_is_the_greatest_of_its_window(
    commits: list[Outputs],
) -> None:
    seen = 0
    for outputs in commits:
        histograms = {
            place: samples
            for place, samples in outputs.window.items()
            if instrument_of(place[0].metric).is_histogram and place in outputs.slowest
        }
        for place, samples in histograms.items():
            assert outputs.slowest[place].value == max(samples)
            seen += 1
        assert outputs.slowest.keys() <= outputs.window.keys()
    assert seen > 100


def test_each_exemplar_is_a_sample_of_its_commit_and_names_the_trace_of_a_record(
    commits: list[Outputs],
) -> None:
    traces = {trace_id_of(key_of(decode_record(line))) for line in lines_of(commits)}
    pointed = set()
    for outputs, point in points_of(commits, EVERY):
        if point.exemplar is None:
            continue
        assert point.exemplar.trace_id in traces
        window = outputs.window[point.series, point.exemplar.minute]
        assert point.exemplar.sample in window
        pointed.add(point.metric)
    assert {"CallerWait", "ResponseLatency", "SttLatency", "LongestSilence"} <= pointed


def test_an_exemplar_leaves_in_base_units_with_its_trace(commits: list[Outputs]) -> None:
    points = [one for _, one in points_of(commits, EVERY) if one.exemplar is not None]
    body = encode_metrics(points[:1], NAMES, RESOURCE, "cumulative")
    exemplar = points[0].exemplar
    assert exemplar is not None
    assert exemplar.trace_id in body


def test_no_exemplar_leads_to_a_session_that_becomes_no_trace(commits: list[Outputs]) -> None:
    slow = TraceSelection(slow_ms=1_500)
    for selection in (None, slow, TraceSelection(0.2)):
        for _, point in points_of(commits, selection):
            if point.exemplar is not None:
                assert selection is not None
                if selection is slow:
                    assert (point.metric, point.exemplar.sample > 1_500) == ("CallerWait", True)
                else:
                    assert is_in_share(point.exemplar.trace_id, selection.share)
    assert any(point.exemplar for _, point in points_of(commits, slow))
    assert not any(point.exemplar for _, point in points_of(commits, None))


def test_without_traces_nothing_is_kept_for_exemplars() -> None:
    assert not any(one.slowest for one in replayed(CALM, 5))
