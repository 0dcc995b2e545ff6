"""The worker's metrics about itself: name, unit, kind, meaning and the label of each. Pure.

They go out in two forms: as lines of EMF once a minute, from which CloudWatch Logs makes metrics
without dimensions, and on the Prometheus page. Rules kept here:

* a ``COUNTER`` only ever grows. CloudWatch gets what was added since the line before, so its
  statistic is Sum; Prometheus gets the total.
* a ``GAUGE`` is how things stand. CloudWatch gets one value a minute, so its statistic is
  Maximum; of a gauge with a label, that is the greatest of the label's values, or of a percentile
  that of all that is in time. Prometheus gets each of them.
* nothing here has a CloudWatch dimension: an alarm on one would not see a value that is new.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple

DEFAULT_NAMESPACE: Final = "VoiceInsights/Worker"
PROMETHEUS_PREFIX: Final = "voice_insights_worker"


class MetricKind(Enum):
    """How the values of a metric follow each other."""

    COUNTER = "counter"
    GAUGE = "gauge"


class TelemetryMetric(NamedTuple):
    """One metric about the worker itself. ``unit`` is a CloudWatch unit.

    ``about``: what the value is. ``label``: what Prometheus tells its values apart by; None if
    there is one value only.
    """

    name: str
    unit: str
    kind: MetricKind
    about: str
    label: str | None = None

    @property
    def statistic(self) -> str:
        """The CloudWatch statistic that says what the metric is about."""
        return "Sum" if self.kind is MetricKind.COUNTER else "Maximum"

    @property
    def prometheus_name(self) -> str:
        """The name by Prometheus's customs: snake case, base units, counters end in _total."""
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
        """What a value is divided by to be in the unit of ``prometheus_name``."""
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
        "lag of a shard behind its tip; of one that has not answered for a minute, with the time "
        "since",
        "shard",
    ),
    TelemetryMetric(
        "StreamTimeLag",
        _MS,
        _GAUGE,
        "the machine's clock less stream time; below 0 if that is ahead, as it must never be",
    ),
    TelemetryMetric(
        "ClockDoubt",
        _MS,
        _GAUGE,
        "how far the service's date and the machine's clock are apart, if more than 5 minutes, so "
        "that time stands where no records come; 0 while they agree",
    ),
    TelemetryMetric(
        "StreamTimeHeldBack",
        _MS,
        _GAUGE,
        "how far a shard's clock is behind that of the shard furthest on; the label names the "
        "one that holds stream time back",
        "shard",
    ),
    TelemetryMetric("ShardsLive", _COUNT, _GAUGE, "shards that are not read to their end"),
    TelemetryMetric(
        "ShardsPaused", _COUNT, _GAUGE, "shards not read now: ahead of the others, or at rest"
    ),
    TelemetryMetric(
        "Backpressure",
        "Percent",
        _GAUGE,
        "share of the time in which nothing is read, because the outbox is so full",
    ),
    TelemetryMetric(
        "InputGaps", _COUNT, _COUNTER, "times that records were trimmed before being read"
    ),
    TelemetryMetric("StreamCallsFailed", _COUNT, _COUNTER, "calls to the stream that failed"),
    # occurrences, by what became of them
    TelemetryMetric("Occurrences", _COUNT, _COUNTER, "CloudEvents read, unreadable ones included"),
    TelemetryMetric("TestEvents", _COUNT, _COUNTER, "occurrences: test events of the sink"),
    TelemetryMetric("Ignored", _COUNT, _COUNTER, "occurrences: events of other types"),
    TelemetryMetric(
        "DeadLetters",
        _COUNT,
        _COUNTER,
        "occurrences: unreadable, expired, without room, or a defect",
    ),
    TelemetryMetric("Events", _COUNT, _COUNTER, "occurrences: ConversationRelay events"),
    TelemetryMetric("Folded", _COUNT, _COUNTER, "events: new to their session"),
    TelemetryMetric("Duplicates", _COUNT, _COUNTER, "events: delivered before"),
    TelemetryMetric("Cut", _COUNT, _COUNTER, "events: beyond the bound on a session's size"),
    TelemetryMetric(
        "Erased", _COUNT, _COUNTER, "events: of calls that an operator has had removed"
    ),
    TelemetryMetric(
        "Unaccounted", _COUNT, _GAUGE, "occurrences that no outcome accounts for: a defect"
    ),
    TelemetryMetric("Conflicts", _COUNT, _COUNTER, "events redelivered with another payload"),
    TelemetryMetric(
        "IdentifyingValues",
        _COUNT,
        _COUNTER,
        "values of dimensions that identify someone, counted under other",
    ),
    TelemetryMetric(
        "UnknownEvents", _COUNT, _COUNTER, "events of a name that the worker doesn't know"
    ),
    TelemetryMetric("LateEvents", _COUNT, _COUNTER, "new events of a session that had closed"),
    TelemetryMetric(
        "DeliveryDelayP50", _MS, _GAUGE, "median of DeliveryDelay since the last report"
    ),
    TelemetryMetric("DeliveryDelayP95", _MS, _GAUGE, "95th percentile of the same"),
    TelemetryMetric("DeliveryDelayP99", _MS, _GAUGE, "99th percentile of the same"),
    # sessions
    TelemetryMetric("SessionsOpened", _COUNT, _COUNTER, "sessions whose first event came"),
    TelemetryMetric("SessionsClosed", _COUNT, _COUNTER, "sessions closed"),
    TelemetryMetric(
        "SessionsRevised", _COUNT, _COUNTER, "records revised after their session's close"
    ),
    TelemetryMetric(
        "SessionsQuarantined",
        _COUNT,
        _COUNTER,
        "sessions that the worker failed at, now dead letters: a defect",
    ),
    TelemetryMetric("SessionsOpen", _COUNT, _GAUGE, "sessions not closed yet"),
    TelemetryMetric(
        "SessionsHeld", _COUNT, _GAUGE, "sessions in memory, open or with more to tell"
    ),
    TelemetryMetric(
        "SessionsCrossShard", "Percent", _GAUGE, "share of held sessions on several shards"
    ),
    TelemetryMetric(
        "DirectWaitP50",
        _MS,
        _GAUGE,
        "median time from a session's minute to its release since the last report: direct metrics",
        "reason",
    ),
    TelemetryMetric("DirectWaitP95", _MS, _GAUGE, "95th percentile of the same", "reason"),
    TelemetryMetric("TurnWaitP50", _MS, _GAUGE, "the same median: turn metrics", "reason"),
    TelemetryMetric("TurnWaitP95", _MS, _GAUGE, "95th percentile of the same", "reason"),
    TelemetryMetric("SamplesRetracted", _COUNT, _COUNTER, "samples sent that turned out untrue"),
    # what leaves
    TelemetryMetric("OutboxEntries", _COUNT, _GAUGE, "requests that wait to be sent"),
    TelemetryMetric("OutboxSize", "Bytes", _GAUGE, "their size"),
    TelemetryMetric("OutboxAge", _MS, _GAUGE, "for how long the oldest of them has waited"),
    TelemetryMetric("RequestsApplied", _COUNT, _COUNTER, "attempts to send that were applied"),
    TelemetryMetric("RequestsRefused", _COUNT, _COUNTER, "attempts to send that were not applied"),
    TelemetryMetric(
        "RequestsInvalid", _COUNT, _COUNTER, "attempts to send that were called invalid"
    ),
    TelemetryMetric("RequestsAmbiguous", _COUNT, _COUNTER, "attempts whose outcome nobody knows"),
    TelemetryMetric("RequestsDropped", _COUNT, _COUNTER, "requests given up after such an attempt"),
    TelemetryMetric("RequestsTooOld", _COUNT, _COUNTER, "requests too old for CloudWatch to take"),
    TelemetryMetric(
        "SurplusBound",
        _COUNT,
        _COUNTER,
        "samples that CloudWatch may count beside what it must: the bound A, all series together",
    ),
    TelemetryMetric(
        "SurplusBoundWidest",
        _COUNT,
        _GAUGE,
        "the largest A of one minute of one series since the last report",
    ),
    # the worker's own work
    TelemetryMetric(
        "StateCallsFailed", _COUNT, _COUNTER, "calls to the state's bucket that failed"
    ),
    TelemetryMetric("CommitTime", _MS, _GAUGE, "longest commit since the last report"),
    TelemetryMetric("CommitAge", _MS, _GAUGE, "time since the last commit"),
    TelemetryMetric("StateSize", "Bytes", _GAUGE, "size of the stored state"),
    TelemetryMetric("LogLinesDropped", _COUNT, _COUNTER, "log lines dropped for want of room"),
)

TELEMETRY_METRICS: Final[dict[str, TelemetryMetric]] = {metric.name: metric for metric in _METRICS}
