"""The values of the worker's telemetry, from its status and events. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from worker.metrics import distribution
from worker.metrics.catalogue import Hold
from worker.metrics.distribution import Distribution, summarise
from worker.partition.commit_outputs import ReleaseReason, Waits
from worker.partition.erasure import OPEN_ERASED
from worker.service.ports import WorkerStatus
from worker.telemetry.catalogue import TELEMETRY_METRICS, MetricKind

MetricValues = dict[str, float]
"""Values by metric, in its CloudWatch unit; unknown ones are left out."""


class TelemetrySnapshot(NamedTuple):
    """``values``: one for each metric. ``by_label``: for metrics with a label, one per label."""

    values: MetricValues
    by_label: dict[str, MetricValues]


class EventCounts(NamedTuple):
    """Counts of events other than progress, the last of which came at ``committed`` (epoch ms).
    ``counts``: counters since the start, by metric.
    """

    committed: int
    counts: Mapping[str, int]
    dropped_lines: int


@dataclass(slots=True)
class ReportPeriod:
    """Values summed up between two reports.

    ``longest_commit_s``: seconds. ``delays``: samples of DeliveryDelay, ms. ``largest``: the
    largest A of a single series' minute. ``clock_doubt``: ms by which the service's date and the
    machine's clock differed, 0 while they agreed. ``waits``: the waits of sessions' minutes.
    """

    longest_commit_s: float = 0.0
    delays: Distribution = field(default_factory=dict)
    largest: int = 0
    clock_doubt: int = 0
    waits: Waits = field(default_factory=Counter)

    def add(self, progress: WorkerStatus) -> None:
        """Add a commit."""
        self.longest_commit_s = max(self.longest_commit_s, progress.commit_s)
        self.waits.update(progress.waits)
        for (series, _), samples in progress.window.items():
            if series.metric == "DeliveryDelay":
                distribution.add(self.delays, samples)


_COMMITTED: Final = {
    "InputGaps": "input_gaps",
    "Occurrences": "occurrences",
    "TestEvents": "test_events",
    "Ignored": "ignored",
    "DeadLetters": "dead_letters",
    "Events": "events",
    "Folded": "folded",
    "Duplicates": "duplicates",
    "Cut": "cut",
    "Erased": "erased",
    "Conflicts": "conflicts",
    "IdentifyingValues": "identifying_values",
    "UnknownEvents": "unknown_events",
    "LateEvents": "late_events",
    "SessionsOpened": "sessions_opened",
    "SessionsClosed": "sessions_closed",
    "SessionsRevised": "sessions_revised",
    "SessionsQuarantined": "sessions_quarantined",
    "SamplesRetracted": "samples_retracted",
}
"""Metrics that are the partition's counters, which are part of its state."""


def snapshot_of(
    progress: WorkerStatus, events: EventCounts, period: ReportPeriod, now: int
) -> TelemetrySnapshot:
    """Return the values at ``now`` (epoch ms). A counter without events is 0."""
    counters = Counter(progress.counters)
    counted = {name: 0 for name, one in TELEMETRY_METRICS.items() if one.kind is MetricKind.COUNTER}
    by_shard = _by_shard(progress)
    values: MetricValues = {
        **counted,
        **{name: counters[counter] for name, counter in _COMMITTED.items()},
        **events.counts,
        "CommitAge": max(0, now - events.committed),
        "LogLinesDropped": events.dropped_lines,
        **{name: max(labelled.values()) for name, labelled in by_shard.items() if labelled},
        **_gauges(progress, counters, now),
        **_over(period),
        **_waits_in_time(period),
    }
    if progress.sessions:
        values["SessionsCrossShard"] = 100 * progress.cross_shard / progress.sessions
    return TelemetrySnapshot(values, {**by_shard, **_waits_by_reason(period)})


def _gauges(progress: WorkerStatus, counters: Counter[str], now: int) -> MetricValues:
    shards, backlog = progress.shards.values(), progress.backlog
    accounted = sum(counters[one] for one in ("test_events", "ignored", "dead_letters", "events"))
    events = sum(counters[one] for one in ("folded", "duplicates", "cut", "erased"))
    values: MetricValues = {
        "Heartbeat": 1,
        "ShardsLive": len(shards),
        "ShardsPaused": sum(shard.paused for shard in shards),
        "Backpressure": 100 * progress.backpressure,
        "Unaccounted": abs(counters["occurrences"] - accounted) + abs(counters["events"] - events),
        "SessionsOpen": open_sessions(counters)
        if progress.open_sessions is None
        else progress.open_sessions,
        "SessionsHeld": progress.sessions,
        "OutboxEntries": backlog.entries,
        "OutboxSize": backlog.size,
        "OutboxAge": 0 if backlog.oldest is None else max(0, now - backlog.oldest),
        "StateSize": progress.state_size,
    }
    if progress.stream_time is not None:
        values["StreamTimeLag"] = now - progress.stream_time
    return values


def open_sessions(counters: Mapping[str, int]) -> int:
    """How many sessions are open by the counters of all commits."""
    ends = ("sessions_closed", "sessions_quarantined", OPEN_ERASED)
    return max(0, counters.get("sessions_opened", 0) - sum(counters.get(one, 0) for one in ends))


def _over(period: ReportPeriod) -> MetricValues:
    delays = summarise(period.delays)
    values: MetricValues = {
        "CommitTime": 1000 * period.longest_commit_s,
        "SurplusBoundWidest": period.largest,
        "ClockDoubt": period.clock_doubt,
    }
    if delays is not None:
        values |= {
            "DeliveryDelayP50": delays.p50,
            "DeliveryDelayP95": delays.p95,
            "DeliveryDelayP99": delays.p99,
        }
    return values


def _waits_by_reason(period: ReportPeriod) -> dict[str, MetricValues]:
    """The percentiles of the waits, by metric and reason."""
    values: dict[str, MetricValues] = {}
    for hold, (median, high) in _WAITS.items():
        values[median], values[high] = {}, {}
        for reason in sorted({reason for one, reason, _ in period.waits if one is hold}):
            summary = summarise(_waits(period, hold, {reason}))
            if summary is not None:
                values[median][reason], values[high][reason] = summary.p50, summary.p95
    return values


def _waits_in_time(period: ReportPeriod) -> MetricValues:
    """The percentiles of all waits except those of minutes with late events, by metric."""
    values: MetricValues = {}
    for hold, (median, high) in _WAITS.items():
        summary = summarise(_waits(period, hold, {"complete", "quiet", "given_up", "closed"}))
        if summary is not None:
            values[median], values[high] = summary.p50, summary.p95
    return values


def _waits(period: ReportPeriod, hold: Hold, reasons: Set[ReleaseReason]) -> Distribution:
    waits: Distribution = {}
    for (one, reason, ms), count in period.waits.items():
        if one is hold and reason in reasons:
            waits[ms] = waits.get(ms, 0) + count
    return waits


_WAITS: Final = {
    Hold.DIRECT: ("DirectWaitP50", "DirectWaitP95"),
    Hold.TURN: ("TurnWaitP50", "TurnWaitP95"),
}


def _by_shard(progress: WorkerStatus) -> dict[str, MetricValues]:
    behind: MetricValues = {
        name: shard.behind_ms
        for name, shard in progress.shards.items()
        if shard.behind_ms is not None
    }
    return {"MillisBehindLatest": behind, "StreamTimeHeldBack": _held_back(progress)}


def _held_back(progress: WorkerStatus) -> MetricValues:
    """How far the shard that holds stream time back is behind, by that shard's name. A shard that
    has not been read at all holds stream time where it is.
    """
    clocks = {name: shard.clock for name, shard in progress.shards.items()}
    furthest = max((clock for clock in clocks.values() if clock is not None), default=None)
    if furthest is None:
        return {}
    last = min(clocks, key=lambda name: (-1 if (at := clocks[name]) is None else at, name))
    held_at = progress.stream_time if clocks[last] is None else clocks[last]
    return {} if held_at is None else {last: max(0, furthest - held_at)}
