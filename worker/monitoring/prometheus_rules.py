"""Prometheus's rules, which watch the same metrics as CloudWatch's alarms. Pure.

An alarm looks at M of N periods, because CloudWatch shows a minute late; Prometheus sees samples as
soon as they are emitted, so a rule has to hold for M periods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from worker.monitoring.alarm import BAD_AT_LEAST, Alarm, Enough, Share
from worker.monitoring.alarms import ALARMED_LATENCIES, LATENCY_PERIOD_S, alarms
from worker.monitoring.deployment import Deployment, MetricQuery, Of, telemetry_metric
from worker.monitoring.promql import (
    PromqlStatistics,
    at_a_bound,
    duration,
    family_of,
    threshold_of,
)
from worker.monitoring.targets import PLATFORMS_APART, targets_of
from worker.monitoring.template import RUNBOOK
from worker.monitoring.yaml_text import to_yaml

ALERT_PREFIX: Final = "VoiceInsights"
NOBODY: Final = "none"
"""The severity of an alert that notifies nobody: its threshold is not measured."""

_HEADER: Final = """\
# Made by `voice-insights infra render --prometheus` from the metric catalogues: change those, not
# this file. Alerts have a label severity: page, ticket, or none, which is to be routed nowhere.
"""
_WINDOW: Final = duration(LATENCY_PERIOD_S)


def prometheus_rules(deployment: Deployment, thresholds: Mapping[str, int] = {}) -> str:
    """The rule file as YAML. ``thresholds``: measured ones of latency metrics, in ms."""
    watched = alarms(deployment, thresholds)
    groups = [
        {"name": "voice-insights-latencies", "rules": list(_recordings(deployment))},
        {
            "name": "voice-insights-alerts",
            "rules": [_alert(deployment, one) for one in watched if _is_known(one)],
        },
    ]
    return _HEADER + _left_out(watched) + to_yaml({"groups": groups})


def _left_out(watched: Iterable[Alarm]) -> str:
    names = ", ".join(one.name for one in watched if not _is_known(one))
    if not names:
        return ""
    return f"# Left out, being of metrics that Kinesis has and Prometheus hasn't: {names}.\n"


def _is_known(alarm: Alarm) -> bool:
    return all(one.of not in (Of.STREAM, Of.KEYED) for one in alarm.metrics)


def _recordings(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """Percentiles of the latencies, and the shares within the platform's targets."""
    for name in ALARMED_LATENCIES:
        limits = [f"PR(:{limit})" for limit in targets_of(deployment)[name]]
        for wanted in (*limits, "p50", "p95", "p99"):
            metric = at_a_bound(MetricQuery("value", name, wanted))
            level = f"job_platform:{family_of(deployment, metric).sampled_name}"
            called = metric.statistic.replace("PR(:", "within_").replace(")", "_ms")
            yield {
                "record": f"{level}:{called}_{_WINDOW}",
                "expr": _statistics(deployment).of(metric, _WINDOW),
            }


def _statistics(deployment: Deployment) -> PromqlStatistics:
    """Those of the deployment's platform; without one, those of the platforms that have no targets
    of their own.
    """
    return PromqlStatistics(deployment, without=() if deployment.platform else PLATFORMS_APART)


def _alert(deployment: Deployment, alarm: Alarm) -> dict[str, Any]:
    held_s = (alarm.bad - 1) * alarm.period_s
    return {
        "alert": f"{ALERT_PREFIX}{alarm.name}",
        "expr": _silence(alarm) if alarm.below else _expression(deployment, alarm),
        **({"for": duration(held_s)} if held_s and not alarm.below else {}),
        "labels": {"severity": alarm.urgency.value if alarm.measured else NOBODY},
        "annotations": {"summary": alarm.about, "description": _description(alarm)},
    }


def _expression(deployment: Deployment, alarm: Alarm) -> str:
    window, statistics = duration(alarm.period_s), _statistics(deployment)
    if isinstance(alarm.form, Share):
        return _share(statistics, alarm.form, window, alarm.threshold)
    if isinstance(alarm.form, Enough):
        slow = statistics.of(alarm.form.statistic, window)
        limit = threshold_of(alarm.form.statistic, alarm.threshold)
        samples = statistics.of(alarm.form.samples, window)
        return f"{slow} >= {limit}\nand\n{samples} >= {alarm.form.at_least}"
    (metric,) = alarm.metrics
    limit = threshold_of(metric, alarm.threshold)
    return f"{statistics.of(metric, window)} >= {limit}"


def _share(statistics: PromqlStatistics, share: Share, window: str, threshold: int) -> str:
    part = statistics.of(share.part, window)
    sums = [statistics.of(one, window) for one in share.whole]
    whole = sums[0] if len(sums) == 1 else f"({' + '.join(_filled(one, sums) for one in sums)})"
    return (
        f"100 * {part} / {whole} >= {threshold}\n"
        f"and\n{part} >= {BAD_AT_LEAST}\n"
        f"and\n{whole} >= {share.at_least}"
    )


def _filled(one: str, all_of_them: Iterable[str]) -> str:
    """Return a sum that is 0 where only other operands have series: an operator with an operand
    without series gives none.
    """
    others = [f"0 * {other}" for other in all_of_them if other != one]
    return f"({' or '.join((one, *others))})"


def _silence(alarm: Alarm) -> str:
    """Return the rule of an absent heartbeat: no worker answers, or a bridge stands still, for as
    long as the alarm waits. A worker that answers always has one, so its last commit counts, too.
    """
    waits_s = alarm.bad * alarm.period_s
    (metric,) = alarm.metrics
    absent = (
        f"absent_over_time({telemetry_metric(metric.name).prometheus_name}[{duration(waits_s)}])"
    )
    if metric.name != "Heartbeat":
        return absent
    age = telemetry_metric("CommitAge").prometheus_name
    return f"{absent}\nor\nmin by (job) ({age}) >= {waits_s}"


def _description(alarm: Alarm) -> str:
    bound = "below" if alarm.below else "at or above"
    unmeasured = "" if alarm.measured else " The threshold is not measured, so notify nobody."
    return (
        f"{bound} {alarm.threshold:,} {alarm.unit} for {alarm.bad} periods of "
        f"{duration(alarm.period_s)}.{unmeasured} What to do: {RUNBOOK}, {alarm.name}."
    )
