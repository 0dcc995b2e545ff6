"""The worker's metrics about itself as one line of EMF: a log line that CloudWatch Logs reads
metrics from. Pure.

The metrics have no dimensions; what is known shard by shard stands beside them as plain
properties, for queries of the log.
"""

from __future__ import annotations

from heapq import nlargest
from typing import Any, Final

from worker.telemetry.catalogue import TELEMETRY_METRICS, MetricKind
from worker.telemetry.snapshot import MetricValues, TelemetrySnapshot

_LABELS_AT_MOST: Final = 50
"""Labels of one metric in a line, those with the greatest values: a line stays below 15 KB."""


def emf_fields(
    snapshot: TelemetrySnapshot, before: MetricValues, at: int, namespace: str
) -> dict[str, Any]:
    """The line's fields. ``before``: the values of the line before, of which counters are told
    the growth; ``at``: epoch ms.
    """
    values = {
        name: _growth(name, value, before)
        for name, value in snapshot.values.items()
        if TELEMETRY_METRICS[name].kind is MetricKind.GAUGE or name in before
    }
    return {
        "_aws": {
            "Timestamp": at,
            "CloudWatchMetrics": [
                {
                    "Namespace": namespace,
                    "Dimensions": [[]],
                    "Metrics": [
                        {"Name": name, "Unit": TELEMETRY_METRICS[name].unit} for name in values
                    ],
                }
            ],
        },
        **values,
        **{
            f"{name}By{str(TELEMETRY_METRICS[name].label).title()}": dict(
                nlargest(_LABELS_AT_MOST, labelled.items(), key=lambda one: (one[1], one[0]))
            )
            for name, labelled in snapshot.by_label.items()
        },
    }


def _growth(name: str, value: float, before: MetricValues) -> float:
    if TELEMETRY_METRICS[name].kind is MetricKind.GAUGE:
        return round(value, 3)
    return max(0, value - before[name])
