"""The dashboard, from what a caller notices down to the pipeline itself. Pure.

What stands in ``${…}`` is for CloudFormation to fill in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from worker.metrics.catalogue import CATALOGUE
from worker.monitoring.alarm import Alarm
from worker.monitoring.alarms import TARGETS
from worker.monitoring.subject import Metric, Subject, of_stream, own
from worker.monitoring.widgets import Line, Row, Widget, graph, hidden, line, math, placed, search

END_STATUSES: Final = ("ended", "hung_up", "failure", "other", "unknown", "none")

_OUTBOX: Final = ("OutboxEntries", "ReadingRest")
_FAILURES: Final = ("StreamCallsFailed", "StateCallsFailed", "LogLinesDropped", "SessionsSetAside")

_ALARM_ARN: Final = (
    "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:${AWS::StackName}-"
)


def dashboard(subject: Subject, alarms: Iterable[Alarm]) -> dict[str, Any]:
    """The body of a dashboard."""
    rows = (
        _callers(subject),
        _parts(subject),
        _conversation(subject),
        _sessions(subject),
        *_by_dimensions(subject),
        _losses(subject),
        *_pipeline(subject),
        _alarm_states(alarms),
    )
    return {"start": "-PT12H", "periodOverride": "inherit", "widgets": list(placed(rows))}


def _callers(subject: Subject) -> Row:
    target = TARGETS["ResponseLatency"]
    good = [
        line(
            subject,
            Metric(f"within_{limit}", "ResponseLatency", f"PR(:{limit})"),
            label=f"within {limit:,} ms",
        )
        for limit in target
    ]
    coverage = [
        hidden(subject, Metric("sure", "ResponseLatency", "SampleCount")),
        hidden(subject, Metric("turns", "Turns", "Sum")),
        math("coverage", "100 * FILL(sure, 0) / turns", "coverage: turns beyond doubt"),
    ]
    waits = [
        hidden(subject, Metric("answered", "CallerWait", "SampleCount")),
        line(subject, Metric("given_up", "AbandonedWaits", "Sum"), label="abandoned waits"),
        math(
            "share",
            "100 * FILL(given_up, 0) / SUM([FILL(given_up, 0), FILL(answered, 0)])",
            "% of all waits",
            yAxis="right",
        ),
    ]
    return Row(
        "## What callers notice\n"
        "Platform gaps: without the half second of end-pointing and both phone legs. Read a "
        "percentile beside its coverage; what is not covered is in CallerWait.",
        (
            graph("Good turns, and their coverage (%)", [*good, *coverage], most=100),
            _caller_wait(subject),
            graph("Callers who gave up waiting", waits),
        ),
    )


def _parts(subject: Subject) -> Row:
    titles = {
        "SttLatency": "Speech to text (ms)",
        "ApplicationLatency": "Application: first token (ms)",
        "TtsLatency": "Text to speech (ms)",
    }
    return Row(
        "## Where the time goes\n"
        "These overlap the gap: never add them up. Lines are what Twilio publishes as its targets.",
        tuple(_latency(subject, name, ("p50", "p95"), title) for name, title in titles.items()),
    )


def _conversation(subject: Subject) -> Row:
    per_turn = {
        "interruptions by customers": "InterruptionsByCustomer",
        "interruptions by the agent": "InterruptionsByAgent",
        "unanswered prompts": "UnansweredPrompts",
        "ambiguous turns": "AmbiguousTurns",
        "turns in doubt": "DoubtfulTurns",
    }
    rates: list[Line] = [hidden(subject, Metric("turns", "Turns", "Sum"))]
    for label, name in per_turn.items():
        id_ = name.lower()
        rates += [
            hidden(subject, Metric(id_, name, "Sum")),
            math(f"{id_}_rate", f"100 * FILL({id_}, 0) / turns", label),
        ]
    return Row(
        "## How the conversation goes",
        (
            graph("Per 100 turns", rates),
            _latency(subject, "BargeInStopTime", ("p50", "p95"), "Silent after barge-in (ms)"),
            _latency(subject, "TimeToFirstAudio", ("p50", "p95"), "Greeting (ms)"),
        ),
    )


def _sessions(subject: Subject) -> Row:
    ended = [
        line(
            subject,
            Metric(f"ended_{status}", "SessionsEnded", "Sum", (("EndStatus", status),)),
            label=status,
        )
        for status in END_STATUSES
    ]
    started = line(subject, Metric("started", "SessionsStarted", "Sum"), label="sessions")
    errors = search(subject, "Errors", ("ErrorCode",), "Sum")
    return Row(
        "## Sessions",
        (
            graph("Sessions started", [started]),
            graph("Sessions ended, by status", ended, stacked=True),
            graph("Errors, by code", [errors], stacked=True),
        ),
    )


def _by_dimensions(subject: Subject) -> Iterable[Row]:
    """Three to a row: 95th percentiles, or sums, of every further dimension set."""
    widgets = [
        graph(
            f"{name} by {' and '.join(names)}{_unit(name)}",
            [search(subject, name, names, _main_statistic(name))],
        )
        for name, sets in subject.rules.series.sets.items()
        for names in sets
    ]
    for start in range(0, len(widgets), 3):
        text = "## By provider, voice, model and language" if start == 0 else ""
        yield Row(text, tuple(widgets[start : start + 3]))


def _pipeline(subject: Subject) -> Iterable[Row]:
    def owns(title: str, *names: str, right: tuple[str, ...] = ()) -> Widget:
        lines = [line(subject, own(name.lower(), name), label=name) for name in names]
        lines += [
            line(subject, own(name.lower(), name), label=name, yAxis="right") for name in right
        ]
        return graph(title, lines)

    stream = [
        line(subject, of_stream(name.lower(), name), label=label)
        for name, label in (
            ("IncomingRecords", "records written"),
            ("WriteProvisionedThroughputExceeded", "writes refused: too few shards"),
            ("ReadProvisionedThroughputExceeded", "reads refused: too many readers"),
        )
    ]
    yield Row(
        "## The pipeline itself",
        (
            owns("Worker alive, shards", "Heartbeat", "ShardsLive", "ShardsPaused"),
            owns(
                "Lag (ms)",
                "MillisBehindLatest",
                "StreamTimeLag",
                "StreamTimeHeldBack",
                "ClockDoubt",
            ),
            graph("The stream", stream),
        ),
    )
    yield Row(
        "Every occurrence has one outcome; what may be counted twice is counted.",
        (
            owns("Occurrences", "Events", "Ignored", "DeadLetters", "TestEvents", "Unaccounted"),
            owns(
                "Events",
                *("Folded", "Duplicates", "LateEvents", "UnknownEvents", "Cut", "InputGaps"),
            ),
            owns(
                "Requests",
                *("RequestsApplied", "RequestsRefused", "RequestsAmbiguous", "RequestsInvalid"),
                *("RequestsDropped", "RequestsTooOld", "SurplusBound", "SurplusBoundWidest"),
            ),
        ),
    )
    yield Row(
        "Much above the holds comes late, and is published late.",
        (
            owns("Delivery (ms)", "DeliveryDelayP50", "DeliveryDelayP95", "DeliveryDelayP99"),
            owns("Sessions", "SessionsOpen", "SessionsHeld"),
            owns("Changed after it was told", "SessionsRevised", "SamplesRetracted"),
        ),
    )
    yield Row(
        "",
        (
            owns("Outbox: entries, rest (%); age (ms)", *_OUTBOX, right=("OutboxAge",)),
            owns("Commits (ms); state (bytes)", "CommitTime", right=("StateSize",)),
            owns("Calls failed, log lines lost", *_FAILURES),
        ),
    )


def _alarm_states(alarms: Iterable[Alarm]) -> Row:
    arns = [f"{_ALARM_ARN}{alarm.name}" for alarm in alarms]
    return Row(
        "## Alarms",
        ({"type": "alarm", "properties": {"title": "All alarms", "alarms": arns}},),
        height=4,
    )


def _caller_wait(subject: Subject) -> Widget:
    """Percentiles of the wait, and beside them the share of waits that they speak for."""
    widget = _latency(subject, "CallerWait", ("p50", "p95", "p99"), "What callers wait (ms)")
    widget["properties"]["metrics"] += [
        hidden(subject, Metric("measured", "CallerWait", "SampleCount")),
        hidden(subject, Metric("doubtful", "DoubtfulWaits", "Sum")),
        math(
            "coverage",
            "100 * measured / SUM([measured, FILL(doubtful, 0)])",
            "coverage: waits without a missing event (%)",
            yAxis="right",
        ),
    ]
    widget["properties"]["yAxis"]["right"] = {"min": 0, "max": 100}
    return widget


def _losses(subject: Subject) -> Row:
    missing = [
        hidden(subject, Metric("missing", "MissingEvents", "Sum")),
        hidden(subject, Metric("ended", "SessionsEnded", "Sum")),
        math("missing_rate", "100 * FILL(missing, 0) / ended", "missing events per 100 sessions"),
    ]
    doubts = {
        "waits": "DoubtfulWaits",
        "turns": "DoubtfulTurns",
        "prompts": "DoubtfulPrompts",
    }
    return Row(
        "## What was lost on the way\n"
        "A number that is missing from a session leaves the spans around it in doubt: they are "
        "counted here, and in no percentile.",
        (
            graph("Events that never came", missing),
            graph(
                "Left in doubt",
                [
                    line(subject, Metric(name.lower(), name, "Sum"), label=label)
                    for label, name in doubts.items()
                ],
            ),
        ),
    )


def _latency(subject: Subject, name: str, percentiles: Iterable[str], title: str) -> Widget:
    lines = [line(subject, Metric(one, name, one), label=one) for one in percentiles]
    target = TARGETS.get(name)
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
