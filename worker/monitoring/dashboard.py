"""The dashboard, from what callers notice down to the pipeline itself. Pure.

CloudFormation substitutes ``${…}``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from worker.metrics.catalogue import CATALOGUE
from worker.monitoring.alarm import Alarm
from worker.monitoring.deployment import Deployment, MetricQuery
from worker.monitoring.pipeline_widgets import pipeline
from worker.monitoring.targets import targets_of
from worker.monitoring.widgets import (
    GraphLine,
    Widget,
    WidgetRow,
    graph,
    hidden,
    line,
    math,
    placed,
    search,
)

END_STATUSES: Final = ("ended", "hung_up", "failure", "other", "unknown", "none")

_ALARM_ARN: Final = (
    "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:${AWS::StackName}-"
)


def dashboard(deployment: Deployment, alarms: Iterable[Alarm]) -> dict[str, Any]:
    """The body of a dashboard."""
    rows = (
        _callers(deployment),
        _parts(deployment),
        _conversation(deployment),
        _sessions(deployment),
        *_by_dimensions(deployment),
        _losses(deployment),
        *(() if deployment.platform else pipeline(deployment)),
        _alarm_states(alarms),
    )
    return {"start": "-PT12H", "periodOverride": "inherit", "widgets": list(placed(rows))}


def _callers(deployment: Deployment) -> WidgetRow:
    target = targets_of(deployment)["ResponseLatency"]
    good = [
        line(
            deployment,
            MetricQuery(f"within_{limit}", "ResponseLatency", f"PR(:{limit})"),
            label=f"within {limit:,} ms",
        )
        for limit in target
    ]
    coverage = [
        hidden(deployment, MetricQuery("sure", "ResponseLatency", "SampleCount")),
        hidden(deployment, MetricQuery("turns", "Turns", "Sum")),
        math("coverage", "100 * FILL(sure, 0) / turns", "coverage: turns beyond doubt"),
    ]
    waits = [
        hidden(deployment, MetricQuery("answered", "CallerWait", "SampleCount")),
        line(deployment, MetricQuery("given_up", "AbandonedWaits", "Sum"), label="abandoned waits"),
        math(
            "share",
            "100 * FILL(given_up, 0) / SUM([FILL(given_up, 0), FILL(answered, 0)])",
            "% of all waits",
            yAxis="right",
        ),
    ]
    return WidgetRow(
        "## What callers notice\n"
        f"Platform gaps: {_gap(deployment)}. Read a "
        "percentile beside its coverage; what is not covered is in CallerWait.",
        (
            graph("Good turns, and their coverage (%)", [*good, *coverage], most=100),
            _caller_wait(deployment),
            graph("Callers who gave up waiting", waits),
        ),
    )


def _parts(deployment: Deployment) -> WidgetRow:
    titles = {
        "SttLatency": "Speech to text (ms)",
        "ApplicationLatency": "Application: first token (ms)",
        "TtsLatency": "Text to speech (ms)",
    }
    return WidgetRow(
        "## Where the time goes\n"
        f"These overlap the gap: never add them up. Lines are {_lines(deployment)}.",
        tuple(_latency(deployment, name, ("p50", "p95"), title) for name, title in titles.items()),
    )


def _conversation(deployment: Deployment) -> WidgetRow:
    per_turn = {
        "interruptions by customers": "InterruptionsByCustomer",
        "interruptions by the agent": "InterruptionsByAgent",
        "unanswered prompts": "UnansweredPrompts",
        "ambiguous turns": "AmbiguousTurns",
        "turns in doubt": "DoubtfulTurns",
    }
    rates: list[GraphLine] = [hidden(deployment, MetricQuery("turns", "Turns", "Sum"))]
    for label, name in per_turn.items():
        id_ = name.lower()
        rates += [
            hidden(deployment, MetricQuery(id_, name, "Sum")),
            math(f"{id_}_rate", f"100 * FILL({id_}, 0) / turns", label),
        ]
    return WidgetRow(
        "## How the conversation goes",
        (
            graph("Per 100 turns", rates),
            _turn_taking(deployment),
            _latency(deployment, "TimeToFirstAudio", ("p50", "p95"), "Greeting (ms)"),
        ),
    )


def _gap(deployment: Deployment) -> str:
    if deployment.platform:
        return "with end-pointing, and without both phone legs"
    return "without the half second of end-pointing and both phone legs"


def _lines(deployment: Deployment) -> str:
    if deployment.platform:
        return "what Twilio publishes as its targets, for want of others"
    return "what Twilio publishes as its targets"


def _turn_taking(deployment: Deployment) -> Widget:
    """The time until the agent falls silent or, where that is unknown, until it takes its turn."""
    if deployment.platform:
        return _latency(deployment, "EndOfTurnDelay", ("p50", "p95"), "End of turn found (ms)")
    return _latency(deployment, "BargeInStopTime", ("p50", "p95"), "Silent after barge-in (ms)")


def _sessions(deployment: Deployment) -> WidgetRow:
    ended = [
        line(
            deployment,
            MetricQuery(f"ended_{status}", "SessionsEnded", "Sum", (("EndStatus", status),)),
            label=status,
        )
        for status in END_STATUSES
    ]
    started = line(deployment, MetricQuery("started", "SessionsStarted", "Sum"), label="sessions")
    errors = search(deployment, "Errors", ("ErrorCode",), "Sum")
    return WidgetRow(
        "## Sessions",
        (
            graph("Sessions started", [started]),
            graph("Sessions ended, by status", ended, stacked=True),
            graph("Errors, by code", [errors], stacked=True),
        ),
    )


def _by_dimensions(deployment: Deployment) -> Iterable[WidgetRow]:
    """The 95th percentiles, or sums, of every further dimension set, three to a row."""
    widgets = [
        graph(
            f"{name} by {' and '.join(names)}{_unit(name)}",
            [search(deployment, name, names, _main_statistic(name))],
        )
        for name, sets in deployment.rules.series.sets.items()
        for names in sets
    ]
    for start in range(0, len(widgets), 3):
        text = "## By provider, voice, model and language" if start == 0 else ""
        yield WidgetRow(text, tuple(widgets[start : start + 3]))


def _alarm_states(alarms: Iterable[Alarm]) -> WidgetRow:
    arns = [f"{_ALARM_ARN}{alarm.name}" for alarm in alarms]
    return WidgetRow(
        "## Alarms",
        ({"type": "alarm", "properties": {"title": "All alarms", "alarms": arns}},),
        height=4,
    )


def _caller_wait(deployment: Deployment) -> Widget:
    """Percentiles of the wait, and the share of waits that they represent."""
    widget = _latency(deployment, "CallerWait", ("p50", "p95", "p99"), "What callers wait (ms)")
    widget["properties"]["metrics"] += [
        hidden(deployment, MetricQuery("measured", "CallerWait", "SampleCount")),
        hidden(deployment, MetricQuery("doubtful", "DoubtfulWaits", "Sum")),
        math(
            "coverage",
            "100 * measured / SUM([measured, FILL(doubtful, 0)])",
            "coverage: waits without a missing event (%)",
            yAxis="right",
        ),
    ]
    widget["properties"]["yAxis"]["right"] = {"min": 0, "max": 100}
    return widget


def _losses(deployment: Deployment) -> WidgetRow:
    missing = [
        hidden(deployment, MetricQuery("missing", "MissingEvents", "Sum")),
        hidden(deployment, MetricQuery("ended", "SessionsEnded", "Sum")),
        math("missing_rate", "100 * FILL(missing, 0) / ended", "missing events per 100 sessions"),
    ]
    doubts = {
        "waits": "DoubtfulWaits",
        "turns": "DoubtfulTurns",
        "prompts": "DoubtfulPrompts",
    }
    return WidgetRow(
        "## Lost events\n"
        "A sequence number that is missing from a session leaves the spans around it in doubt: "
        "they are counted here, and in no percentile.",
        (
            graph("Events that never arrived", missing),
            graph(
                "Left in doubt",
                [
                    line(deployment, MetricQuery(name.lower(), name, "Sum"), label=label)
                    for label, name in doubts.items()
                ],
            ),
        ),
    )


def _latency(deployment: Deployment, name: str, percentiles: Iterable[str], title: str) -> Widget:
    lines = [line(deployment, MetricQuery(one, name, one), label=one) for one in percentiles]
    target = targets_of(deployment).get(name)
    if target is None:
        return graph(title, lines)
    marks = [
        {"label": f"target {target.median:,} (median)", "value": target.median},
        {"label": f"limit {target.limit:,}", "value": target.limit},
    ]
    return graph(title, lines, marks=marks)


def _main_statistic(name: str) -> str:
    return "Sum" if CATALOGUE[name].unit == "Count" else "p95"


def _unit(name: str) -> str:
    return "" if CATALOGUE[name].unit == "Count" else f", p95 ({CATALOGUE[name].unit})"
