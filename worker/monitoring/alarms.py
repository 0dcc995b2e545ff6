"""The alarms: each one's metrics, threshold and urgency. Pure.

The alarms keep these rules, each of which a test checks:

* Shares are of metrics with the same hold, so that both sides of a fraction are of the same
  minutes.
* A share or a percentile of few samples counts as good, and so does a share that is high by a few
  cases: chance alone wakes nobody. The runbook says how much traffic it takes.
* No alarm needs a series whose dimension may have new values. Whether a session failed is in
  EndStatus, whose values are fixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Final

from worker.monitoring.alarm import (
    BAD_AT_LEAST,
    Alarm,
    Enough,
    Missing,
    Urgency,
    evaluation_periods,
    metric_alarm,
    ratio_alarm,
)
from worker.monitoring.bridge_alarms import bridge_alarms
from worker.monitoring.deployment import Deployment, MetricQuery, delay_s, of_stream, own
from worker.monitoring.fleet_alarms import fleet_pages, fleet_tickets
from worker.monitoring.targets import TARGETS, targets_of
from worker.telemetry.liveness import START_WITHIN_S

SESSIONS_AT_LEAST: Final = 20
TURNS_AT_LEAST: Final = 20
WAITS_AT_LEAST: Final = 20
SAMPLES_AT_LEAST: Final = 40
"""The samples of a 95th percentile, so that two of them lie beyond it."""

STOP_S: Final = 120
"""The time that the previous worker may take to stop."""


ALARMED_LATENCIES: Final = tuple(TARGETS)
LATENCY_PERIOD_S: Final = 300
LATENCY_PERCENTILE: Final = "p95"


def alarms(deployment: Deployment, thresholds: Mapping[str, int] = {}) -> list[Alarm]:
    """Return all alarms, or those of calls and of their bridge if a single platform is watched.
    A fleet has alarms of its own in place of some of a single worker's.
    ``thresholds``: measured ones of latency metrics, in ms, by metric.
    """
    slow_and_rates = [
        *(_slow(deployment, metric, thresholds.get(metric)) for metric in ALARMED_LATENCIES),
        *_rates(deployment),
        *_losses(deployment),
    ]
    if deployment.platform:
        return [*_pages(deployment), *slow_and_rates, *bridge_alarms(deployment, _heartbeat)]
    return [
        *_pages(deployment),
        *(fleet_pages(deployment) if deployment.buckets else _own_pages(deployment)),
        *slow_and_rates,
        *_own_tickets(deployment),
        *(fleet_tickets(deployment) if deployment.buckets else ()),
        metric_alarm(
            deployment,
            ("StreamFull", Urgency.TICKET, "the stream refuses what Twilio writes"),
            of_stream("value", "WriteProvisionedThroughputExceeded"),
            (1, "records"),
            (300, 3),
        ),
    ]


def _pages(deployment: Deployment) -> list[Alarm]:
    given_up = MetricQuery("given_up", "AbandonedWaits", "Sum")
    return [
        ratio_alarm(
            deployment,
            ("AbandonedWaits", Urgency.PAGE, "callers wait for an answer until they hang up"),
            part=given_up,
            whole=(given_up, MetricQuery("answered", "CallerWait", "SampleCount")),
            at_least=BAD_AT_LEAST,
            threshold=30,
            unit="% of waits",
            periods=(300, 2),
        ),
        ratio_alarm(
            deployment,
            ("FailedSessions", Urgency.PAGE, "sessions end as failures"),
            part=MetricQuery("part", "SessionsEnded", "Sum", (("EndStatus", "failure"),)),
            whole=(MetricQuery("whole", "SessionsEnded", "Sum"),),
            at_least=SESSIONS_AT_LEAST,
            threshold=10,
            unit="% of sessions",
            periods=(900, 2),
        ),
    ]


def _own_pages(deployment: Deployment) -> list[Alarm]:
    return [
        _heartbeat(
            deployment,
            "Heartbeat",
            "no worker has committed for longer than a deployment takes",
        ),
        metric_alarm(
            deployment,
            ("IteratorAge", Urgency.PAGE, "the worker does not keep up with the stream"),
            own("value", "MillisBehindLatest"),
            (900_000, "ms"),
            (60, 10),
        ),
    ]


def _heartbeat(deployment: Deployment, name: str, about: str) -> Alarm:
    """An alarm on a silence longer than an old process takes to stop and a new one to start."""
    metric = own("beats", name)
    bad = ceil((STOP_S + START_WITHIN_S + delay_s(deployment, metric)) / 60)
    return Alarm(
        name,
        Urgency.PAGE,
        about,
        (metric,),
        metric.id,
        1,
        "commits",
        60,
        bad,
        bad,
        below=True,
        missing=Missing.BAD,
    )


def _slow(deployment: Deployment, name: str, threshold: int | None) -> Alarm:
    metrics = (
        MetricQuery("slowest", name, LATENCY_PERCENTILE),
        MetricQuery("samples", name, "SampleCount"),
    )
    return Alarm(
        f"{name}P95",
        Urgency.TICKET,
        f"the 95th percentile of {name} is high",
        metrics,
        f"IF(samples >= {SAMPLES_AT_LEAST}, slowest, 0)",
        targets_of(deployment)[name].limit if threshold is None else threshold,
        "ms",
        LATENCY_PERIOD_S,
        3,
        evaluation_periods(3, LATENCY_PERIOD_S, (delay_s(deployment, one) for one in metrics)),
        measured=threshold is not None,
        form=Enough(*metrics, SAMPLES_AT_LEAST),
    )


def _rates(deployment: Deployment) -> list[Alarm]:
    return [
        ratio_alarm(
            deployment,
            ("Interruptions", Urgency.TICKET, "customers interrupt the agent often"),
            part=MetricQuery("part", "InterruptionsByCustomer", "Sum"),
            whole=(MetricQuery("whole", "Turns", "Sum"),),
            at_least=TURNS_AT_LEAST,
            threshold=50,
            unit="per 100 turns",
            periods=(900, 3),
        ),
        ratio_alarm(
            deployment,
            ("Errors", Urgency.TICKET, "sessions report errors"),
            part=MetricQuery("part", "Errors", "Sum"),
            whole=(MetricQuery("whole", "SessionsStarted", "Sum"),),
            at_least=SESSIONS_AT_LEAST,
            threshold=10,
            unit="per 100 sessions",
            periods=(900, 2),
        ),
    ]


def _losses(deployment: Deployment) -> list[Alarm]:
    """Alarms on the first signs of a sink that loses events: numbers that never arrive, and the
    doubtful waits that they leave.
    """
    doubtful = MetricQuery("part", "DoubtfulWaits", "Sum")
    return [
        ratio_alarm(
            deployment,
            ("MissingEvents", Urgency.TICKET, "events of sessions never arrive"),
            part=MetricQuery("part", "MissingEvents", "Sum"),
            whole=(MetricQuery("whole", "SessionsEnded", "Sum"),),
            at_least=SESSIONS_AT_LEAST,
            threshold=100,
            unit="per 100 sessions",
            periods=(900, 2),
        ),
        ratio_alarm(
            deployment,
            ("DoubtfulWaits", Urgency.TICKET, "missing events leave waits in doubt"),
            part=doubtful,
            whole=(doubtful, MetricQuery("measured", "CallerWait", "SampleCount")),
            at_least=WAITS_AT_LEAST,
            threshold=10,
            unit="% of waits",
            periods=(900, 2),
        ),
    ]


def _own_tickets(deployment: Deployment) -> list[Alarm]:
    ticket = Urgency.TICKET
    return [
        metric_alarm(
            deployment, (name, ticket, about), own("value", metric), (threshold, unit), periods
        )
        for name, about, metric, threshold, unit, periods in (
            (
                "StreamTime",
                "a shard holds stream time back, and everything that waits for it",
                "StreamTimeLag",
                1_800_000,
                "ms",
                (60, 10),
            ),
            ("Outbox", "requests are not accepted", "OutboxAge", 900_000, "ms", (60, 10)),
            ("DeadLetters", "records can't be read", "DeadLetters", 1, "records", (3600, 1)),
            (
                "AmbiguousSends",
                "requests may or may not have arrived",
                "RequestsAmbiguous",
                5,
                "requests an hour",
                (3600, 1),
            ),
            (
                "UnknownEvents",
                "Twilio sends events with a new name",
                "UnknownEvents",
                1,
                "events",
                (3600, 1),
            ),
            ("InputGaps", "records were lost unread", "InputGaps", 1, "gaps", (300, 1)),
            (
                "TooOld",
                "metrics were too old for CloudWatch",
                "RequestsTooOld",
                1,
                "requests",
                (300, 1),
            ),
            (
                "InvalidMetrics",
                "CloudWatch rejects requests as invalid",
                "RequestsInvalid",
                1,
                "requests",
                (3600, 1),
            ),
            (
                "SessionsQuarantined",
                "sessions are quarantined after errors in the worker",
                "SessionsQuarantined",
                1,
                "sessions",
                (3600, 1),
            ),
            (
                "Unaccounted",
                "occurrences or events have no outcome",
                "Unaccounted",
                1,
                "occurrences",
                (300, 1),
            ),
        )
    ]
