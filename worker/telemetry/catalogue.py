"""The worker's telemetry: the name, unit, kind, meaning and label of each metric. Pure.

Telemetry is published in two forms: once a minute as a line of EMF, from which CloudWatch Logs
makes metrics without dimensions, and on the Prometheus page. These rules hold:

* a ``COUNTER`` only grows. CloudWatch gets its growth since the last line, so its statistic is
  Sum; Prometheus gets the total.
* a ``GAUGE`` is a value at an instant. CloudWatch gets one value a minute, so its statistic is
  Maximum. For a gauge with a label that value is the greatest of the label's values, or for a
  percentile the one over all minutes released in time. Prometheus gets every label's value.
* no metric has a CloudWatch dimension: an alarm on a dimension would miss values that are new.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple

DEFAULT_NAMESPACE: Final = "VoiceInsights/Worker"
PROMETHEUS_PREFIX: Final = "voice_insights_worker"


class MetricKind(Enum):
    """Whether a metric is a growing total or a value at an instant."""

    COUNTER = "counter"
    GAUGE = "gauge"


class TelemetryMetric(NamedTuple):
    """One metric of the worker's telemetry. ``unit`` is a CloudWatch unit.

    ``about``: the value's meaning. ``label``: the label that distinguishes its values for
    Prometheus; None if there is only one value.
    """

    name: str
    unit: str
    kind: MetricKind
    about: str
    label: str | None = None

    @property
    def statistic(self) -> str:
        """The CloudWatch statistic that yields the metric's meaning."""
        return "Sum" if self.kind is MetricKind.COUNTER else "Maximum"

    @property
    def prometheus_name(self) -> str:
        """The name by Prometheus's conventions: snake case, base units, _total for counters."""
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.name.removeprefix("Millis")).lower()
        unit = _BASE_UNITS[self.unit].suffix
        total = "_total" if self.kind is MetricKind.COUNTER else ""
        return f"{PROMETHEUS_PREFIX}_{snake}{unit}{total}"

    @property
    def prometheus_unit(self) -> str:
        """The base unit in which ``prometheus_name`` ends; empty for a number."""
        return _BASE_UNITS[self.unit].suffix.removeprefix("_")

    @property
    def prometheus_divisor(self) -> int:
        """The divisor that converts a value to the unit of ``prometheus_name``."""
        return _BASE_UNITS[self.unit].divisor


class _BaseUnit(NamedTuple):
    suffix: str
    divisor: int


_BASE_UNITS: Final = {
    "Count": _BaseUnit("", 1),
    "Milliseconds": _BaseUnit("_seconds", 1000),
    "Bytes": _BaseUnit("_bytes", 1),
    "Percent": _BaseUnit("_ratio", 100),
}

_COUNTER, _GAUGE = MetricKind.COUNTER, MetricKind.GAUGE
_MS, _COUNT = "Milliseconds", "Count"

_METRICS: Final = (
    TelemetryMetric("Heartbeat", _COUNT, _GAUGE, "1 whenever the worker has committed"),
    # the stream
    TelemetryMetric(
        "MillisBehindLatest",
        _MS,
        _GAUGE,
        "lag of a shard behind its tip; if it has not answered for a minute, plus the time since",
        "shard",
    ),
    TelemetryMetric(
        "StreamTimeLag",
        _MS,
        _GAUGE,
        "the machine's clock minus stream time; below 0 if it is ahead, which must never be",
    ),
    TelemetryMetric(
        "ClockDoubt",
        _MS,
        _GAUGE,
        "difference between the service's date and the machine's clock, if above 5 minutes, so "
        "that shards without records hold stream time back; 0 while they agree",
    ),
    TelemetryMetric(
        "StreamTimeHeldBack",
        _MS,
        _GAUGE,
        "how far the watermark of the shard that holds stream time back is behind the most "
        "advanced shard's; the label names that shard",
        "shard",
    ),
    TelemetryMetric("ShardsLive", _COUNT, _GAUGE, "shards that are not read to their end yet"),
    TelemetryMetric(
        "ShardsPaused", _COUNT, _GAUGE, "shards not read now: ahead of the others, or backpressure"
    ),
    TelemetryMetric(
        "Backpressure",
        "Percent",
        _GAUGE,
        "share of the time in which nothing is read, because the outbox is too full",
    ),
    TelemetryMetric(
        "InputGaps", _COUNT, _COUNTER, "gaps: times that records were trimmed before they were read"
    ),
    TelemetryMetric("StreamCallsFailed", _COUNT, _COUNTER, "calls to the stream that failed"),
    # occurrences, by outcome
    TelemetryMetric("Occurrences", _COUNT, _COUNTER, "CloudEvents read, unreadable ones included"),
    TelemetryMetric("TestEvents", _COUNT, _COUNTER, "occurrences: test events of the sink"),
    TelemetryMetric("Ignored", _COUNT, _COUNTER, "occurrences: events of other types"),
    TelemetryMetric(
        "DeadLetters",
        _COUNT,
        _COUNTER,
        "occurrences: unreadable, expired, over capacity, or a defect",
    ),
    TelemetryMetric("Events", _COUNT, _COUNTER, "occurrences: ConversationRelay events"),
    TelemetryMetric("Folded", _COUNT, _COUNTER, "events: new to their session"),
    TelemetryMetric("Duplicates", _COUNT, _COUNTER, "events: delivered before"),
    TelemetryMetric("Cut", _COUNT, _COUNTER, "events: beyond the bound on a session's size"),
    TelemetryMetric("Erased", _COUNT, _COUNTER, "events: of calls that an operator has removed"),
    TelemetryMetric(
        "Unaccounted", _COUNT, _GAUGE, "occurrences and events without an outcome: a defect"
    ),
    TelemetryMetric("Conflicts", _COUNT, _COUNTER, "events redelivered with another payload"),
    TelemetryMetric(
        "IdentifyingValues",
        _COUNT,
        _COUNTER,
        "dimension values that identify someone, counted under other",
    ),
    TelemetryMetric(
        "UnknownEvents", _COUNT, _COUNTER, "events with a name that the worker doesn't know"
    ),
    TelemetryMetric("LateEvents", _COUNT, _COUNTER, "new events of a session that had closed"),
    TelemetryMetric(
        "DeliveryDelayP50", _MS, _GAUGE, "median of DeliveryDelay since the last report"
    ),
    TelemetryMetric(
        "DeliveryDelayP95", _MS, _GAUGE, "95th percentile of DeliveryDelay since the last report"
    ),
    TelemetryMetric(
        "DeliveryDelayP99", _MS, _GAUGE, "99th percentile of DeliveryDelay since the last report"
    ),
    # sessions
    TelemetryMetric("SessionsOpened", _COUNT, _COUNTER, "sessions whose first event arrived"),
    TelemetryMetric("SessionsClosed", _COUNT, _COUNTER, "sessions closed"),
    TelemetryMetric(
        "SessionsRevised", _COUNT, _COUNTER, "records revised after their session had closed"
    ),
    TelemetryMetric(
        "SessionsQuarantined",
        _COUNT,
        _COUNTER,
        "sessions quarantined as dead letters after an error in the worker: a defect",
    ),
    TelemetryMetric("SessionsOpen", _COUNT, _GAUGE, "sessions not closed yet"),
    TelemetryMetric(
        "SessionsHeld", _COUNT, _GAUGE, "sessions in memory, open or with more to emit"
    ),
    TelemetryMetric(
        "SessionsCrossShard", "Percent", _GAUGE, "share of sessions in memory on several shards"
    ),
    TelemetryMetric(
        "DirectWaitP50",
        _MS,
        _GAUGE,
        "median time from a session's minute to its release, since the last report: direct metrics",
        "reason",
    ),
    TelemetryMetric(
        "DirectWaitP95", _MS, _GAUGE, "95th percentile of the time of DirectWaitP50", "reason"
    ),
    TelemetryMetric(
        "TurnWaitP50",
        _MS,
        _GAUGE,
        "median time from a session's minute to its release, since the last report: turn metrics",
        "reason",
    ),
    TelemetryMetric(
        "TurnWaitP95", _MS, _GAUGE, "95th percentile of the time of TurnWaitP50", "reason"
    ),
    TelemetryMetric(
        "SamplesRetracted", _COUNT, _COUNTER, "emitted samples that later events contradicted"
    ),
    # output
    TelemetryMetric("OutboxEntries", _COUNT, _GAUGE, "requests waiting to be sent"),
    TelemetryMetric("OutboxSize", "Bytes", _GAUGE, "size of the requests waiting to be sent"),
    TelemetryMetric("OutboxAge", _MS, _GAUGE, "age of the oldest request waiting to be sent"),
    TelemetryMetric("RequestsApplied", _COUNT, _COUNTER, "attempts to send that were applied"),
    TelemetryMetric("RequestsRefused", _COUNT, _COUNTER, "attempts to send that were not applied"),
    TelemetryMetric(
        "RequestsInvalid", _COUNT, _COUNTER, "attempts to send that were rejected as invalid"
    ),
    TelemetryMetric(
        "RequestsAmbiguous", _COUNT, _COUNTER, "attempts to send whose outcome is unknown"
    ),
    TelemetryMetric(
        "RequestsDropped", _COUNT, _COUNTER, "requests given up after an attempt of unknown outcome"
    ),
    TelemetryMetric(
        "RequestsTooOld", _COUNT, _COUNTER, "requests too old for CloudWatch to accept"
    ),
    TelemetryMetric(
        "SurplusBound",
        _COUNT,
        _COUNTER,
        "samples that CloudWatch may count beyond those it must: the bound A, over all series",
    ),
    TelemetryMetric(
        "SurplusBoundWidest",
        _COUNT,
        _GAUGE,
        "the largest A of one series' minute since the last report",
    ),
    # the worker's own work
    TelemetryMetric(
        "StateCallsFailed", _COUNT, _COUNTER, "calls to the state's bucket that failed"
    ),
    TelemetryMetric("CommitTime", _MS, _GAUGE, "longest commit since the last report"),
    TelemetryMetric("CommitAge", _MS, _GAUGE, "time since the last commit"),
    TelemetryMetric("StateSize", "Bytes", _GAUGE, "size of the stored state"),
    TelemetryMetric(
        "LogLinesDropped", _COUNT, _COUNTER, "log lines dropped because the queue was full"
    ),
)

TELEMETRY_METRICS: Final[dict[str, TelemetryMetric]] = {metric.name: metric for metric in _METRICS}
