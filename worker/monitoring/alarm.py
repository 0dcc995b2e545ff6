"""An alarm, and the two forms of alarms. Pure.

M of N periods must be bad, and N - M periods are at least the delay with which the metric appears
in CloudWatch: periods that are still empty never keep an alarm from going off.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from math import ceil
from typing import Final, NamedTuple

from worker.monitoring.deployment import Deployment, MetricQuery, delay_s

BAD_AT_LEAST: Final = 5
"""The cases that it takes to make a share high. For abandoned waits this is the only lower bound,
because callers whom nobody answers abandon one wait each."""


class Urgency(Enum):
    """Who is notified: someone at once, or someone in working hours."""

    PAGE = "page"
    TICKET = "ticket"


class Missing(Enum):
    """How CloudWatch treats a period without data."""

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

    ``unit``: the threshold's unit, for people. ``measured``: whether the threshold comes from the
    deployment's own history; if not, the alarm notifies nobody. ``form``: the meaning of ``value``,
    for stores with other expressions; None if ``value`` is the only metric.
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
"""A period's length in seconds, and how many periods must be bad."""


def evaluation_periods(bad: int, period_s: int, delays_s: Iterable[float]) -> int:
    """N for M ``bad`` periods of metrics that appear with these delays."""
    return bad + ceil(max(delays_s) / period_s)


def metric_alarm(
    deployment: Deployment,
    named: Named,
    metric: MetricQuery,
    limit: tuple[int, str],
    periods: EvaluationPeriods,
) -> Alarm:
    """An alarm on a single metric. ``limit``: threshold and unit."""
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
    """An alarm on 100 x part / whole, where the whole is at least ``at_least`` and the part is more
    than a few cases; a metric without samples is 0.

    FILL may have nothing to fill if a series has no sample in the whole window, and an operator
    with such an operand has no value; SUM of a list skips it. So only a part without any sample
    leaves the share without a value, which counts as good.
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
