"""The worker's telemetry as one line of EMF: a log line from which CloudWatch Logs extracts
metrics. Pure.

The metrics have no dimensions; values by shard or reason are plain properties of the line, for
queries of the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import nlargest
from typing import Any, Final

from worker.telemetry.catalogue import TELEMETRY_METRICS, MetricKind, TelemetryMetric
from worker.telemetry.snapshot import MetricValues, TelemetrySnapshot

_LABELS_AT_MOST: Final = 50
"""The labels of one metric in a line, those with the greatest values: it stays below 15 KB."""


def emf_fields(
    snapshot: TelemetrySnapshot,
    before: MetricValues,
    at: int,
    namespace: str,
    catalogue: Mapping[str, TelemetryMetric] = TELEMETRY_METRICS,
) -> dict[str, Any]:
    """The line's fields. ``before``: the values of the previous line, from which a counter's
    growth is taken; ``at``: epoch ms.
    """
    values = {
        name: _growth(catalogue[name], value, before)
        for name, value in snapshot.values.items()
        if catalogue[name].kind is MetricKind.GAUGE or name in before
    }
    return {
        "_aws": {
            "Timestamp": at,
            "CloudWatchMetrics": [
                {
                    "Namespace": namespace,
                    "Dimensions": [[]],
                    "Metrics": [{"Name": name, "Unit": catalogue[name].unit} for name in values],
                }
            ],
        },
        **values,
        **{
            f"{name}By{str(catalogue[name].label).title()}": dict(
                nlargest(_LABELS_AT_MOST, labelled.items(), key=lambda one: (one[1], one[0]))
            )
            for name, labelled in snapshot.by_label.items()
        },
    }


def _growth(metric: TelemetryMetric, value: float, before: MetricValues) -> float:
    if metric.kind is MetricKind.GAUGE:
        return round(value, 3)
    return max(0, value - before[metric.name])
