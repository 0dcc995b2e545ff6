"""The pipeline's data: can the numbers be believed? Pure.

Each number comes with what it is and, where somebody may have to act, the heading of the runbook
that says how. All durations in ms, all instants epoch ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from worker.outbox.entries import DeliveryOutcome, EntryKind
from worker.page.occurrences import Fact, accounted_chip, occurrences_of
from worker.partition.rules import Rules
from worker.service.ports import HeldBuckets, WorkerStatus, listed_buckets
from worker.telemetry.catalogue import TELEMETRY_METRICS
from worker.telemetry.snapshot import TelemetrySnapshot

LAG_MS: Final = 60_000
"""A shard that is further (ms) from its tip counts as behind."""
WAITING_MS: Final = 300_000
"""A request that waits longer (ms) counts as stuck."""
STREAM_TIME_MS: Final = 300_000
COMMIT_MS: Final = 60_000

Lanes = Mapping[EntryKind, Mapping[DeliveryOutcome, int]]
"""Attempts to deliver since the start, by kind of entry and outcome."""


class _Shown(NamedTuple):
    """How a metric about the worker is shown; ``most``: the greatest value that is fine."""

    metric: str
    label: str
    most: float | None = None
    runbook: str | None = None


_REQUESTS: Final = (
    _Shown("RequestsApplied", "applied"),
    _Shown("RequestsRefused", "refused, retried", runbook="Outbox"),
    _Shown("RequestsAmbiguous", "outcome unknown", 0, "AmbiguousSends"),
    _Shown("SurplusBound", "may count twice, at most so many samples (A)", 0, "AmbiguousSends"),
    _Shown("RequestsInvalid", "invalid", 0, "InvalidMetrics"),
    _Shown("RequestsTooOld", "too old", 0, "TooOld"),
    _Shown("RequestsDropped", "dropped", 0, "AmbiguousSends"),
)
_OUTBOX: Final = (
    _Shown("OutboxEntries", "requests that wait"),
    _Shown("OutboxSize", "their bytes"),
    _Shown("OutboxAge", "the oldest has waited", WAITING_MS, "Outbox"),
    _Shown("Backpressure", "share of time without reading", 0, "Outbox"),
)
_LATE: Final = (
    _Shown("LateEvents", "events of sessions that had closed"),
    _Shown("SessionsRevised", "records revised"),
    _Shown("SamplesRetracted", "samples retracted"),
    _Shown("Conflicts", "events redelivered with another payload"),
    _Shown("UnknownEvents", "events of an unknown name", 0, "UnknownEvents"),
    _Shown("InputGaps", "gaps: records trimmed before they were read", 0, "InputGaps"),
)
_OWN: Final = (
    _Shown("CommitTime", "longest commit of the last minute"),
    _Shown("CommitAge", "since the last commit", COMMIT_MS, "Heartbeat"),
    _Shown("StateSize", "size of the state"),
    _Shown("StateCallsFailed", "calls to the state's bucket that failed"),
    _Shown("StreamCallsFailed", "calls to the stream that failed"),
    _Shown("ClockDoubt", "clocks apart", 0, "StreamTime"),
    _Shown("LogLinesDropped", "log lines dropped", 0),
)
_HOURS_FROM: Final = 120
_UNITS: Final = {"Milliseconds": "ms", "Bytes": "bytes", "Percent": "percent", "Count": "count"}


def live_pipeline(
    status: WorkerStatus, snapshot: TelemetrySnapshot, rules: Rules, lanes: Lanes
) -> dict[str, Any]:
    """The pipeline of a running worker after a commit."""
    values = snapshot.values
    occurrences = occurrences_of(status.counters)
    return {
        "replay": False,
        "chips": [
            accounted_chip(occurrences),
            _tip_chip(values),
            _leaving_chip(values),
            *_bucket_chips(status.buckets),
        ],
        "values": values,
        "occurrences": occurrences,
        "shards": _shards(status, snapshot),
        "holds": {
            "direct": rules.hold_direct,
            "turn": rules.hold_turn,
            "most": rules.hold_max,
        },
        "sessions": {
            "open": values.get("SessionsOpen", 0),
            "held": status.sessions,
            "most": rules.max_held,
        },
        "lanes": [
            {"kind": kind, **{outcome.value: lanes[kind].get(outcome, 0) for outcome in _OUTCOMES}}
            for kind in sorted(lanes)
        ],
        "groups": [
            _group("Delivery", "delay of new events in the last minute", _delivery(rules), values),
            _group("Outbox", "what is published and not delivered yet", _OUTBOX, values),
            _group("Requests to CloudWatch and others", "since the start", _REQUESTS, values),
            _group("After it was published", "what came too late for its minute", _LATE, values),
            _group("The worker's own work", "", _OWN, values),
        ],
    }


_OUTCOMES: Final = tuple(DeliveryOutcome)


def _delivery(rules: Rules) -> tuple[_Shown, ...]:
    """The delays, of which the 95th percentile should be within the hold of turn metrics."""
    return (
        _Shown("DeliveryDelayP50", "median, event to worker", rules.hold_turn),
        _Shown("DeliveryDelayP95", "95th percentile", rules.hold_turn),
        _Shown("DeliveryDelayP99", "99th percentile"),
    )


def _group(
    title: str, hint: str, shown: tuple[_Shown, ...], values: Mapping[str, float]
) -> dict[str, Any]:
    return {"title": title, "hint": hint, "facts": [_fact(one, values) for one in shown]}


def _fact(shown: _Shown, values: Mapping[str, float]) -> Fact:
    value = values.get(shown.metric)
    fine = shown.most is None or value is None or value <= shown.most
    unit = _UNITS[TELEMETRY_METRICS[shown.metric].unit]
    return Fact(shown.label, value, unit, fine, _about(shown.metric), shown.runbook)


def _about(metric: str) -> str:
    return TELEMETRY_METRICS[metric].about


def _tip_chip(values: Mapping[str, float]) -> tuple[str, bool]:
    lag, behind = values.get("MillisBehindLatest"), values.get("StreamTimeLag", 0)
    if lag is None:
        return "no shard read yet", False
    if lag >= LAG_MS:
        return f"{_minutes(lag)} behind the tip", False
    if behind >= STREAM_TIME_MS:
        return f"at the tip, but stream time stands {_minutes(behind)} ago", False
    return "at the tip of all shards", True


def _leaving_chip(values: Mapping[str, float]) -> tuple[str, bool]:
    age = values.get("OutboxAge", 0)
    if age >= WAITING_MS:
        return f"a request has waited for {_minutes(age)}", False
    return "what is published is delivered", True


def _bucket_chips(buckets: HeldBuckets | None) -> list[tuple[str, bool]]:
    """Return the share of the calls that a fleet's task shows; empty for a single worker."""
    if buckets is None:
        return []
    return [(f"of a fleet: {listed_buckets(buckets.held)} of {buckets.of} buckets", True)]


def _minutes(ms: float) -> str:
    minutes = ms / 60_000
    return f"{minutes:,.0f} min" if minutes < _HOURS_FROM else f"{minutes / 60:,.0f} h"


def _shards(status: WorkerStatus, snapshot: TelemetrySnapshot) -> list[dict[str, Any]]:
    held_back = snapshot.by_label.get("StreamTimeHeldBack", {})
    return [
        {
            "name": name,
            "behind": shard.behind_ms,
            "clock": shard.clock,
            "paused": shard.paused,
            "holds_back": held_back.get(name),
        }
        for name, shard in sorted(status.shards.items())
    ]
