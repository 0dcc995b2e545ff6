"""One alarm, and the forms that alarms have. Pure.

M of N periods must be at fault, and N - M periods are at least the delay with which the metric
shows up: periods that are empty so far never keep an alarm from going off.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from math import ceil
from typing import Final, NamedTuple

from worker.monitoring.deployment import Deployment, MetricQuery, delay_s

BAD_AT_LEAST: Final = 5
"""Cases that make a share high; of waits given up it is the only bound, for callers whom nobody
answers give up one wait each."""


class Urgency(Enum):
    """Who is told: someone now, or someone in working hours."""

    PAGE = "page"
    TICKET = "ticket"


class Missing(Enum):
    """How CloudWatch takes a period without data."""

    GOOD = "notBreaching"
    BAD = "breaching"


class Share(NamedTuple):
    """100 x part / whole, where the whole, which is a sum, is ``at_least`` so much, and the part
    ``BAD_AT_LEAST``; else 0.
    """

    part: MetricQuery
    whole: tuple[MetricQuery, ...]
    at_least: int


class Enough(NamedTuple):
    """A statistic where it has ``at_least`` so many samples, else 0."""

    statistic: MetricQuery
    samples: MetricQuery
    at_least: int


class Alarm(NamedTuple):
    """One alarm. It goes off when ``value`` (an expression, or the id of the only metric) is at
    or above ``threshold``, or below it (``below``), in ``bad`` of the last
    ``evaluation_periods`` periods of ``period_s``.

    ``unit`` is the threshold's, for people. ``measured``: whether the threshold comes of what the
    deployment itself does; without that, nobody is told. ``form``: what ``value`` says, for stores
    that have other expressions; None if that is a metric as it is.
    """

    name: str
    urgency: Urgency
    about: str
    metrics: tuple[MetricQuery, ...]
    value: str
    threshold: int
    unit: str
    period_s: int
    bad: int
    evaluation_periods: int
    below: bool = False
    missing: Missing = Missing.GOOD
    measured: bool = True
    form: Share | Enough | None = None


Named = tuple[str, Urgency, str]
EvaluationPeriods = tuple[int, int]
"""Seconds, and how many must be at fault."""


def evaluation_periods(bad: int, period_s: int, delays_s: Iterable[float]) -> int:
    """N for M ``bad`` periods, of metrics that show up with these delays."""
    return bad + ceil(max(delays_s) / period_s)


def metric_alarm(
    deployment: Deployment,
    named: Named,
    metric: MetricQuery,
    limit: tuple[int, str],
    periods: EvaluationPeriods,
) -> Alarm:
    """On a metric as it is. ``limit``: threshold and unit."""
    period_s, bad = periods
    n = evaluation_periods(bad, period_s, (delay_s(deployment, metric),))
    return Alarm(*named, (metric,), metric.id, *limit, period_s, bad, n)


def ratio_alarm(
    deployment: Deployment,
    named: Named,
    *,
    part: MetricQuery,
    whole: tuple[MetricQuery, ...],
    at_least: int,
    threshold: int,
    unit: str,
    periods: EvaluationPeriods,
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
    n = evaluation_periods(at_fault, period_s, (delay_s(deployment, one) for one in metrics))
    form = Share(part, whole, at_least)
    return Alarm(*named, metrics, value, threshold, unit, period_s, at_fault, n, form=form)
