"""The catalogue is the contract's: names, units, scales, holds and dimensions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from worker.events.event import EVENT_CODES
from worker.metrics.catalogue import (
    CATALOGUE,
    CONTEXT_DIMENSIONS,
    DEFAULT_DIMENSION_SETS,
    Hold,
)

DOC = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (\w+)(?: \{(\w+)\})? \| (\S+) \| (\w+) \| (.+) \|$", re.MULTILINE)


def test_every_metric_is_what_the_contract_says() -> None:
    section = DOC.partition("\n## Metrics\n")[2].partition("\n## ")[0]
    contract = {name: rest for name, *rest in ROW.findall(section) if name != "metric"}
    assert contract == {
        name: [one.own_dimension or "", one.unit, one.hold.value, one.about]
        for name, one in CATALOGUE.items()
    }
    assert len(contract) > 40


def test_samples_are_integers_by_a_scale() -> None:
    scales = {name: metric.scale for name, metric in CATALOGUE.items() if metric.scale != 1}
    assert scales == {"TokensPerSecond": 1000, "AgentTalkShare": 100}


def test_four_metrics_have_a_dimension_of_their_own() -> None:
    found = {name: m.own_dimension for name, m in CATALOGUE.items() if m.own_dimension}
    assert found == {
        "Interruptions": "Type",
        "Errors": "ErrorCode",
        "SessionsEnded": "EndStatus",
        "ToolCalls": "Tool",
    }


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        ("SttLatency", ("TranscriptionProvider", "SpeechModel")),
        ("TtsLatency", ("TtsProvider", "Voice")),
        ("ApplicationLatency", ("Language",)),
        ("ResponseLatency", ("Language",)),
        ("CallerWait", ("Language",)),
    ],
)
def test_latencies_are_also_published_by_what_may_cause_them(
    metric: str, names: tuple[str, ...]
) -> None:
    assert DEFAULT_DIMENSION_SETS[metric] == (names,)
    assert set(names) <= set(CONTEXT_DIMENSIONS)


def test_nothing_else_has_further_dimensions_by_default() -> None:
    assert len(DEFAULT_DIMENSION_SETS) == 5


def test_nobody_is_named_by_a_dimension() -> None:
    for name in CONTEXT_DIMENSIONS:
        assert not any(part in name.lower() for part in ("sid", "session", "call", "account"))


def test_what_one_event_alone_gives_has_a_known_event_for_itself() -> None:
    given = [metric for metric in CATALOGUE.values() if metric.by_event is not None]
    assert {metric.hold for metric in given} == {Hold.DIRECT}
    assert len({metric.by_event for metric in given}) == len(given) > 5
    assert {metric.by_event for metric in given} <= set(EVENT_CODES)
