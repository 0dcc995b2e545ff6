"""The bridge's metrics about itself, by the rules of the worker's. Pure."""

from __future__ import annotations

from typing import Final

from worker.telemetry.catalogue import MetricKind, TelemetryMetric

_COUNTER, _GAUGE = MetricKind.COUNTER, MetricKind.GAUGE
_MS, _COUNT = "Milliseconds", "Count"

_METRICS: Final = (
    TelemetryMetric(
        "BridgeHeartbeat",
        _COUNT,
        _GAUGE,
        "1 while the list of calls is read to its end again and again",
    ),
    TelemetryMetric(
        "BridgeListAge", _MS, _GAUGE, "time since the list of calls was read to its end"
    ),
    TelemetryMetric(
        "BridgePutAge", _MS, _GAUGE, "for how long the oldest records have waited to be put"
    ),
    TelemetryMetric(
        "BridgePutDelay", _MS, _GAUGE, "longest time from an event to its put since the last report"
    ),
    TelemetryMetric("BridgeCallsFollowed", _COUNT, _GAUGE, "calls whose logs are read now"),
    TelemetryMetric("BridgeCallsWaiting", _COUNT, _GAUGE, "calls that wait for their turn"),
    TelemetryMetric(
        "BridgeCallsFailing", _COUNT, _GAUGE, "calls whose logs can't be read just now"
    ),
    TelemetryMetric("BridgeCallsFound", _COUNT, _COUNTER, "calls found"),
    TelemetryMetric("BridgeCallsFinished", _COUNT, _COUNTER, "calls followed to their end"),
    TelemetryMetric(
        "BridgeCallsSkipped", _COUNT, _COUNTER, "of these, simulations and written ones"
    ),
    TelemetryMetric("BridgeCallsExpired", _COUNT, _COUNTER, "calls too old for the stream"),
    TelemetryMetric(
        "BridgeCallsGivenUp", _COUNT, _COUNTER, "calls whose log can't be read to its end"
    ),
    TelemetryMetric("BridgeEntries", _COUNT, _COUNTER, "entries of logs read"),
    TelemetryMetric("BridgeGaps", _COUNT, _COUNTER, "times that a stream left entries out"),
    TelemetryMetric(
        "BridgeGapsLost", _COUNT, _COUNTER, "of these, such that could not be read either"
    ),
    TelemetryMetric("BridgeRecords", _COUNT, _COUNTER, "records put onto the stream"),
    TelemetryMetric(
        "BridgeRecordsRefused", _COUNT, _COUNTER, "records that the stream calls invalid"
    ),
    TelemetryMetric("BridgePutsFailed", _COUNT, _COUNTER, "times that the stream took nothing"),
    TelemetryMetric("BridgeRequestsFailed", _COUNT, _COUNTER, "requests to Pinecall that failed"),
    TelemetryMetric(
        "BridgeCheckpointCallsFailed", _COUNT, _COUNTER, "calls to its bucket that failed"
    ),
    TelemetryMetric(
        "BridgeLogLinesDropped", _COUNT, _COUNTER, "log lines dropped for want of room"
    ),
)

BRIDGE_METRICS: Final[dict[str, TelemetryMetric]] = {metric.name: metric for metric in _METRICS}
