"""One worker, two platforms on one stream: nothing of one is among the other's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.live import replayed
from worker.testing.traffic import Traffic, simulated_records

pytestmark = pytest.mark.slow

PINECALLS = b'"type":"com.voiceinsights.pinecall.call-event"'
PLATFORM = ("Platform", "pinecall")


def test_series_and_records_of_each_platform_are_those_that_it_has_alone(tmp_path: Path) -> None:
    traffic = Traffic(sessions=24, platform="both", test_event=False, malformed=0.0)
    records = list(simulated_records(traffic, 5))
    parts = {
        "both": records,
        "twilio": [one for one in records if PINECALLS not in one.data],
        "pinecall": [one for one in records if PINECALLS in one.data],
    }
    found = {}
    for name, some in parts.items():
        (tmp_path / name).mkdir()
        found[name] = replayed(some, tmp_path / name)
    assert len(found["both"].records) == 24
    assert found["both"].records == found["twilio"].records | found["pinecall"].records
    series = {name: _series(tmp_path / name / "m") for name in parts}
    assert series["both"] == series["twilio"] | series["pinecall"]
    assert not series["twilio"].keys() & series["pinecall"].keys()
    assert {PLATFORM in dimensions for _, dimensions, _ in series["pinecall"]} == {True}
    assert {PLATFORM in dimensions for _, dimensions, _ in series["twilio"]} == {False}


def _series(path: Path) -> dict[tuple[str, tuple[tuple[str, str], ...], str], Any]:
    """By metric, dimensions and minute, the values that go out."""
    found: dict[Any, list[Any]] = {}
    for line in path.read_text().splitlines():
        datum = json.loads(line)
        dimensions = tuple((one["Name"], one["Value"]) for one in datum.get("Dimensions", ()))
        key = datum["MetricName"], dimensions, str(datum["Timestamp"])
        found.setdefault(key, []).append(datum)
    return found
