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


class OwnMetric(NamedTuple):
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
    OwnMetric("Heartbeat", _COUNT, _GAUGE, "1 whenever the worker has committed"),
    # the stream
    OwnMetric(
        "MillisBehindLatest",
        _MS,
        _GAUGE,
        "lag of a shard behind its tip; of one that has not answered for a minute, with the time "
        "since",
        "shard",
    ),
    OwnMetric(
        "StreamTimeLag",
        _MS,
        _GAUGE,
        "the machine's clock less stream time; below 0 if that is ahead, as it must never be",
    ),
    OwnMetric(
        "ClockDoubt",
        _MS,
        _GAUGE,
        "how far the service's date and the machine's clock are apart, if more than 5 minutes, so "
        "that time stands where no records come; 0 while they agree",
    ),
    OwnMetric(
        "StreamTimeHeldBack",
        _MS,
        _GAUGE,
        "how far a shard's clock is behind that of the shard furthest on; the label names the "
        "one that holds stream time back",
        "shard",
    ),
    OwnMetric("ShardsLive", _COUNT, _GAUGE, "shards that are not read to their end"),
    OwnMetric(
        "ShardsPaused", _COUNT, _GAUGE, "shards not read now: ahead of the others, or at rest"
    ),
    OwnMetric(
        "ReadingRest",
        "Percent",
        _GAUGE,
        "share of the time in which nothing is read, because the outbox is so full",
    ),
    OwnMetric("InputGaps", _COUNT, _COUNTER, "times that records were trimmed before being read"),
    OwnMetric("StreamCallsFailed", _COUNT, _COUNTER, "calls to the stream that failed"),
    # occurrences, by what became of them
    OwnMetric("Occurrences", _COUNT, _COUNTER, "CloudEvents read, unreadable ones included"),
    OwnMetric("TestEvents", _COUNT, _COUNTER, "occurrences: test events of the sink"),
    OwnMetric("Ignored", _COUNT, _COUNTER, "occurrences: events of other types"),
    OwnMetric(
        "DeadLetters",
        _COUNT,
        _COUNTER,
        "occurrences: unreadable, expired, without room, or a defect",
    ),
    OwnMetric("Events", _COUNT, _COUNTER, "occurrences: ConversationRelay events"),
    OwnMetric("Folded", _COUNT, _COUNTER, "events: new to their session"),
    OwnMetric("Duplicates", _COUNT, _COUNTER, "events: delivered before"),
    OwnMetric("Cut", _COUNT, _COUNTER, "events: beyond the bound on a session's size"),
    OwnMetric("Erased", _COUNT, _COUNTER, "events: of calls that an operator has had removed"),
    OwnMetric("Unaccounted", _COUNT, _GAUGE, "occurrences that no outcome accounts for: a defect"),
    OwnMetric("Conflicts", _COUNT, _COUNTER, "events redelivered with another payload"),
    OwnMetric(
        "IdentifyingValues",
        _COUNT,
        _COUNTER,
        "values of dimensions that identify someone, counted under other",
    ),
    OwnMetric("UnknownEvents", _COUNT, _COUNTER, "events of a name that the worker doesn't know"),
    OwnMetric("LateEvents", _COUNT, _COUNTER, "new events of a session that had closed"),
    OwnMetric("DeliveryDelayP50", _MS, _GAUGE, "median of DeliveryDelay since the last report"),
    OwnMetric("DeliveryDelayP95", _MS, _GAUGE, "95th percentile of the same"),
    OwnMetric("DeliveryDelayP99", _MS, _GAUGE, "99th percentile of the same"),
    # sessions
    OwnMetric("SessionsOpened", _COUNT, _COUNTER, "sessions whose first event came"),
    OwnMetric("SessionsClosed", _COUNT, _COUNTER, "sessions closed"),
    OwnMetric("SessionsRevised", _COUNT, _COUNTER, "records revised after their session's close"),
    OwnMetric(
        "SessionsSetAside",
        _COUNT,
        _COUNTER,
        "sessions that the worker failed at, now dead letters: a defect",
    ),
    OwnMetric("SessionsOpen", _COUNT, _GAUGE, "sessions not closed yet"),
    OwnMetric("SessionsHeld", _COUNT, _GAUGE, "sessions in memory, open or with more to tell"),
    OwnMetric("SessionsSpread", "Percent", _GAUGE, "share of held sessions on several shards"),
    OwnMetric(
        "DirectWaitP50",
        _MS,
        _GAUGE,
        "median time from a session's minute to its release since the last report: direct metrics",
        "reason",
    ),
    OwnMetric("DirectWaitP95", _MS, _GAUGE, "95th percentile of the same", "reason"),
    OwnMetric("TurnWaitP50", _MS, _GAUGE, "the same median: turn metrics", "reason"),
    OwnMetric("TurnWaitP95", _MS, _GAUGE, "95th percentile of the same", "reason"),
    OwnMetric("SamplesRetracted", _COUNT, _COUNTER, "samples sent that turned out untrue"),
    # what leaves
    OwnMetric("OutboxEntries", _COUNT, _GAUGE, "requests that wait to be sent"),
    OwnMetric("OutboxSize", "Bytes", _GAUGE, "their size"),
    OwnMetric("OutboxAge", _MS, _GAUGE, "for how long the oldest of them has waited"),
    OwnMetric("RequestsApplied", _COUNT, _COUNTER, "attempts to send that were applied"),
    OwnMetric("RequestsRefused", _COUNT, _COUNTER, "attempts to send that were not applied"),
    OwnMetric("RequestsInvalid", _COUNT, _COUNTER, "attempts to send that were called invalid"),
    OwnMetric("RequestsAmbiguous", _COUNT, _COUNTER, "attempts whose outcome nobody knows"),
    OwnMetric("RequestsDropped", _COUNT, _COUNTER, "requests given up after such an attempt"),
    OwnMetric("RequestsTooOld", _COUNT, _COUNTER, "requests too old for CloudWatch to take"),
    OwnMetric(
        "SurplusBound",
        _COUNT,
        _COUNTER,
        "samples that CloudWatch may count beside what it must: the bound A, all series together",
    ),
    OwnMetric(
        "SurplusBoundWidest",
        _COUNT,
        _GAUGE,
        "the largest A of one minute of one series since the last report",
    ),
    # the worker's own work
    OwnMetric("StateCallsFailed", _COUNT, _COUNTER, "calls to the state's bucket that failed"),
    OwnMetric("CommitTime", _MS, _GAUGE, "longest commit since the last report"),
    OwnMetric("CommitAge", _MS, _GAUGE, "time since the last commit"),
    OwnMetric("StateSize", "Bytes", _GAUGE, "size of the stored state"),
    OwnMetric("LogLinesDropped", _COUNT, _COUNTER, "log lines dropped for want of room"),
)

OWN_METRICS: Final[dict[str, OwnMetric]] = {metric.name: metric for metric in _METRICS}
