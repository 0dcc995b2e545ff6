"""The alarms: what each looks at, when it goes off, and whether it wakes someone. Pure.

Rules kept here, each held by a test:

* M of N periods must be at fault, and N - M periods are at least the delay with which the metric
  shows up: periods that are empty so far never keep an alarm from going off.
* Shares are of metrics with one hold, so that both sides of a fraction are of the same minutes.
* A share or a percentile of few samples counts as good, and so does a share that is high by a few
  cases: chance alone wakes nobody. How much is usual before that holds is in the runbook.
* No alarm needs a series whose dimension may have a value that is new. Whether a session failed
  is told by EndStatus, whose values are fixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from math import ceil
from typing import Final, NamedTuple

from worker.observe.pulse import START_WITHIN_S
from worker.watch.subject import Metric, Subject, delay_s, own

SESSIONS_AT_LEAST: Final = 20
TURNS_AT_LEAST: Final = 20
BAD_AT_LEAST: Final = 5
"""Cases that make a share high; of waits given up it is the only bound, for callers whom nobody
answers give up one wait each."""
SAMPLES_AT_LEAST: Final = 40
"""Of a 95th percentile: two samples lie beyond it."""

STOP_S: Final = 120
"""How long the worker before may take to end."""


class Urgency(Enum):
    """Who is told: someone now, or someone in working hours."""

    PAGE = "page"
    TICKET = "ticket"


class Missing(Enum):
    """How CloudWatch takes a period without data."""

    GOOD = "notBreaching"
    BAD = "breaching"


class Alarm(NamedTuple):
    """One alarm. It goes off when ``value`` (an expression, or the id of the only metric) is at
    or above ``threshold``, or below it (``below``), in ``bad`` of the last ``looked_at`` periods
    of ``period_s``.

    ``unit`` is the threshold's, for people. ``measured``: whether the threshold comes of what the
    deployment itself does; without that, nobody is told.
    """

    name: str
    urgency: Urgency
    about: str
    metrics: tuple[Metric, ...]
    value: str
    threshold: int
    unit: str
    period_s: int
    bad: int
    looked_at: int
    below: bool = False
    missing: Missing = Missing.GOOD
    measured: bool = True


class Target(NamedTuple):
    """What Twilio publishes as good: a median, and a limit, in ms."""

    median: int
    limit: int


TARGETS: Final = {
    "ResponseLatency": Target(885, 1100),
    "CallerWait": Target(885, 1100),
    "SttLatency": Target(350, 500),
    "ApplicationLatency": Target(375, 750),
    "TtsLatency": Target(100, 250),
}
"""By latency metric. The one for speech to text probably includes end-pointing, which SttLatency
leaves out; the one for the gap serves CallerWait, too, which is that gap in turns with doubt."""

LATENCIES: Final = tuple(TARGETS)
LATENCY_PERIOD_S: Final = 300
LATENCY_PERCENTILE: Final = "p95"


def alarms(subject: Subject, thresholds: Mapping[str, int] = {}) -> list[Alarm]:
    """All alarms. ``thresholds``: measured ones of latency metrics, in ms, by metric."""
    return [
        *_pages(subject),
        *(_slow(subject, metric, thresholds.get(metric)) for metric in LATENCIES),
        *_rates(subject),
        *_own_tickets(subject),
    ]


def looked_at(bad: int, period_s: int, delays_s: Iterable[float]) -> int:
    """N for M ``bad`` periods, of metrics that show up with these delays."""
    return bad + ceil(max(delays_s) / period_s)


def _pages(subject: Subject) -> list[Alarm]:
    given_up = Metric("given_up", "AbandonedWaits", "Sum")
    return [
        _share(
            subject,
            ("AbandonedWaits", Urgency.PAGE, "callers wait for an answer until they hang up"),
            part=given_up,
            whole=(given_up, Metric("answered", "CallerWait", "SampleCount")),
            at_least=BAD_AT_LEAST,
            threshold=30,
            unit="% of waits",
            periods=(300, 2),
        ),
        _share(
            subject,
            ("FailedSessions", Urgency.PAGE, "sessions end as failures"),
            part=Metric("part", "SessionsEnded", "Sum", (("EndStatus", "failure"),)),
            whole=(Metric("whole", "SessionsEnded", "Sum"),),
            at_least=SESSIONS_AT_LEAST,
            threshold=10,
            unit="% of sessions",
            periods=(900, 2),
        ),
        _heartbeat(subject),
        _own(
            subject,
            ("IteratorAge", Urgency.PAGE, "the worker does not keep up with the stream"),
            ("MillisBehindLatest", 900_000, "ms"),
            (60, 10),
        ),
    ]


def _heartbeat(subject: Subject) -> Alarm:
    """Silent for longer than an old worker takes to end and a new one to start."""
    metric = own("beats", "Heartbeat")
    bad = ceil((STOP_S + START_WITHIN_S + delay_s(subject, metric)) / 60)
    return Alarm(
        "Heartbeat",
        Urgency.PAGE,
        "no worker has committed for longer than a deployment takes",
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


def _slow(subject: Subject, name: str, threshold: int | None) -> Alarm:
    metrics = (
        Metric("slowest", name, LATENCY_PERCENTILE),
        Metric("samples", name, "SampleCount"),
    )
    return Alarm(
        f"{name}P95",
        Urgency.TICKET,
        f"the 95th percentile of {name} is high",
        metrics,
        f"IF(samples >= {SAMPLES_AT_LEAST}, slowest, 0)",
        TARGETS[name].limit if threshold is None else threshold,
        "ms",
        LATENCY_PERIOD_S,
        3,
        looked_at(3, LATENCY_PERIOD_S, (delay_s(subject, one) for one in metrics)),
        measured=threshold is not None,
    )


def _rates(subject: Subject) -> list[Alarm]:
    return [
        _share(
            subject,
            ("Interruptions", Urgency.TICKET, "customers interrupt the agent often"),
            part=Metric("part", "InterruptionsByCustomer", "Sum"),
            whole=(Metric("whole", "Turns", "Sum"),),
            at_least=TURNS_AT_LEAST,
            threshold=50,
            unit="per 100 turns",
            periods=(900, 3),
        ),
        _share(
            subject,
            ("Errors", Urgency.TICKET, "sessions report errors"),
            part=Metric("part", "Errors", "Sum"),
            whole=(Metric("whole", "SessionsStarted", "Sum"),),
            at_least=SESSIONS_AT_LEAST,
            threshold=10,
            unit="per 100 sessions",
            periods=(900, 2),
        ),
    ]


def _own_tickets(subject: Subject) -> list[Alarm]:
    ticket = Urgency.TICKET
    return [
        _own(subject, (name, ticket, about), (metric, threshold, unit), periods)
        for name, about, metric, threshold, unit, periods in (
            (
                "StreamTime",
                "a shard holds stream time back, and so everything that waits for it",
                "StreamTimeLag",
                1_800_000,
                "ms",
                (60, 10),
            ),
            ("Outbox", "what should be sent is not taken", "OutboxAge", 900_000, "ms", (60, 10)),
            ("DeadLetters", "records can't be read", "DeadLetters", 1, "records", (3600, 1)),
            (
                "AmbiguousSends",
                "nobody knows whether requests arrived",
                "RequestsAmbiguous",
                5,
                "requests an hour",
                (3600, 1),
            ),
            (
                "UnknownEvents",
                "Twilio sends events of a new name",
                "UnknownEvents",
                1,
                "events",
                (3600, 1),
            ),
            ("InputGaps", "records were lost unread", "InputGaps", 1, "gaps", (300, 1)),
            (
                "TooOld",
                "metrics were too old to be taken",
                "RequestsTooOld",
                1,
                "requests",
                (300, 1),
            ),
            (
                "InvalidMetrics",
                "CloudWatch calls what it was sent invalid",
                "RequestsInvalid",
                1,
                "requests",
                (3600, 1),
            ),
            (
                "SessionsSetAside",
                "the worker fails at sessions",
                "SessionsSetAside",
                1,
                "sessions",
                (3600, 1),
            ),
            (
                "Unaccounted",
                "the worker's own books do not balance",
                "Unaccounted",
                1,
                "occurrences",
                (300, 1),
            ),
        )
    ]


_Named = tuple[str, Urgency, str]
_Periods = tuple[int, int]
"""Seconds, and how many must be at fault."""


def _own(subject: Subject, named: _Named, limit: tuple[str, int, str], periods: _Periods) -> Alarm:
    metric = own("value", limit[0])
    period_s, bad = periods
    n = looked_at(bad, period_s, (delay_s(subject, metric),))
    return Alarm(*named, (metric,), metric.id, limit[1], limit[2], period_s, bad, n)


def _share(
    subject: Subject,
    named: _Named,
    *,
    part: Metric,
    whole: tuple[Metric, ...],
    at_least: int,
    threshold: int,
    unit: str,
    periods: _Periods,
) -> Alarm:
    """100 x part / whole, where the whole is ``at_least`` so much, and the part not only by a few;
    what has no samples is 0.

    FILL may have nothing to fill where a series has no sample at all in the whole window, and an
    operator with such a side has no value. SUM of a list goes by the others. So only a part that
    is nowhere leaves the share without a value, which counts as good.
    """
    filled = [f"FILL({one.id}, 0)" for one in whole]
    total = filled[0] if len(filled) == 1 else f"SUM([{', '.join(filled)}])"
    bad = f"FILL({part.id}, 0)"
    enough = f"{total} >= {at_least} AND {bad} >= {BAD_AT_LEAST}"
    value = f"IF({enough}, 100 * {bad} / {total}, 0)"
    metrics = tuple(dict.fromkeys((part, *whole)))
    period_s, at_fault = periods
    n = looked_at(at_fault, period_s, (delay_s(subject, one) for one in metrics))
    return Alarm(*named, metrics, value, threshold, unit, period_s, at_fault, n)
