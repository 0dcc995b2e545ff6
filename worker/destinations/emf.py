"""Embedded metric format: metrics as log lines, for CloudWatch Logs to extract.

A line takes at most 100 values per metric. Duplicates are not bounded: how often a line counts
depends on how the log lines are delivered. Lines stay below 15 KB, because container runtimes split
longer ones.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from worker.destinations.cloudwatch.datums import Datum
from worker.destinations.cloudwatch.requests import decode_groups
from worker.destinations.files import LineSink
from worker.outbox.entries import DeliveryOutcome

VALUES_PER_LINE: Final = 100


def emf_lines(body: bytes, namespace: str) -> bytes:
    """Return a metrics entry as lines of EMF, each with a line end."""
    return b"".join(
        msgspec.json.encode(line) + b"\n"
        for group in decode_groups(body)
        for datum in group
        for line in _lines(datum, namespace)
    )


def _lines(datum: Datum, namespace: str) -> list[dict[str, Any]]:
    name = datum["MetricName"]
    dimensions = {one["Name"]: one["Value"] for one in datum["Dimensions"]}
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": datum["Unit"]}],
    }
    return [
        {
            "_aws": {"Timestamp": datum["Timestamp"] * 1000, "CloudWatchMetrics": [directive]},
            **dimensions,
            name: {
                "Values": datum["Values"][start : start + VALUES_PER_LINE],
                "Counts": datum["Counts"][start : start + VALUES_PER_LINE],
            },
        }
        for start in range(0, len(datum["Values"]), VALUES_PER_LINE)
    ]


class EmfSink:
    """Writes metrics entries as lines of EMF."""

    def __init__(self, lines: LineSink, namespace: str) -> None:
        self._lines = lines
        self._namespace = namespace

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        """Write a metrics entry."""
        return self._lines.send(emf_lines(body, self._namespace))
