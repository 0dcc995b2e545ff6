"""The bridge's metrics about itself, by the rules of the worker's. Pure."""

from __future__ import annotations

from typing import Final

from worker.telemetry.catalogue import MetricKind, OwnMetric

_COUNTER, _GAUGE = MetricKind.COUNTER, MetricKind.GAUGE
_MS, _COUNT = "Milliseconds", "Count"

_METRICS: Final = (
    OwnMetric(
        "BridgeHeartbeat",
        _COUNT,
        _GAUGE,
        "1 while the list of calls is read to its end again and again",
    ),
    OwnMetric("BridgeListAge", _MS, _GAUGE, "time since the list of calls was read to its end"),
    OwnMetric("BridgePutAge", _MS, _GAUGE, "for how long the oldest records have waited to be put"),
    OwnMetric(
        "BridgePutDelay", _MS, _GAUGE, "longest time from an event to its put since the last report"
    ),
    OwnMetric("BridgeCallsFollowed", _COUNT, _GAUGE, "calls whose logs are read now"),
    OwnMetric("BridgeCallsWaiting", _COUNT, _GAUGE, "calls that wait for their turn"),
    OwnMetric("BridgeCallsFailing", _COUNT, _GAUGE, "calls whose logs can't be read just now"),
    OwnMetric("BridgeCallsFound", _COUNT, _COUNTER, "calls found"),
    OwnMetric("BridgeCallsFinished", _COUNT, _COUNTER, "calls followed to their end"),
    OwnMetric("BridgeCallsSkipped", _COUNT, _COUNTER, "of these, simulations and written ones"),
    OwnMetric("BridgeCallsExpired", _COUNT, _COUNTER, "calls too old for the stream"),
    OwnMetric("BridgeCallsGivenUp", _COUNT, _COUNTER, "calls whose log can't be read to its end"),
    OwnMetric("BridgeEntries", _COUNT, _COUNTER, "entries of logs read"),
    OwnMetric("BridgeGaps", _COUNT, _COUNTER, "times that a stream left entries out"),
    OwnMetric("BridgeGapsLost", _COUNT, _COUNTER, "of these, such that could not be read either"),
    OwnMetric("BridgeRecords", _COUNT, _COUNTER, "records put onto the stream"),
    OwnMetric("BridgeRecordsRefused", _COUNT, _COUNTER, "records that the stream calls invalid"),
    OwnMetric("BridgePutsFailed", _COUNT, _COUNTER, "times that the stream took nothing"),
    OwnMetric("BridgeRequestsFailed", _COUNT, _COUNTER, "requests to Pinecall that failed"),
    OwnMetric("BridgeCheckpointCallsFailed", _COUNT, _COUNTER, "calls to its bucket that failed"),
    OwnMetric("BridgeLogLinesDropped", _COUNT, _COUNTER, "log lines dropped for want of room"),
)

BRIDGE_METRICS: Final[dict[str, OwnMetric]] = {metric.name: metric for metric in _METRICS}
