"""The dashboard, from what a caller notices down to the pipeline itself. Pure.

Widgets are CloudWatch's own JSON; what stands in ``${…}`` is for CloudFormation to fill in. A
dashboard is 24 columns wide.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from worker.metrics.catalogue import CATALOGUE
from worker.watch.alarms import TARGETS, Alarm
from worker.watch.subject import Metric, Subject, own

COLUMNS: Final = 24
PERIOD_S: Final = 300
_TEXT_HEIGHT: Final = 2

END_STATUSES: Final = ("ended", "hung_up", "failure", "other", "unknown", "none")

_OUTBOX: Final = ("OutboxEntries", "ReadingRest")
_FAILURES: Final = ("StreamCallsFailed", "StateCallsFailed", "LogLinesDropped", "SessionsSetAside")

_ALARM_ARN: Final = (
    "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:${AWS::StackName}-"
)

Widget = dict[str, Any]
_Line = list[Any]


class _Row(NamedTuple):
    """Widgets side by side, under a line of text, if there is one; each ``height`` units high."""

    text: str
    widgets: tuple[Widget, ...]
    height: int = 6


def dashboard(subject: Subject, alarms: Iterable[Alarm]) -> dict[str, Any]:
    """The body of a dashboard."""
    rows = (
        _callers(subject),
        _parts(subject),
        _conversation(subject),
        _sessions(subject),
        *_by_dimensions(subject),
        *_pipeline(subject),
        _alarm_states(alarms),
    )
    return {"start": "-PT12H", "periodOverride": "inherit", "widgets": list(_placed(rows))}


def _placed(rows: Iterable[_Row]) -> Iterable[Widget]:
    y = 0
    for row in rows:
        if row.text:
            text = {"type": "text", "properties": {"markdown": row.text}}
            yield _at(text, 0, y, COLUMNS, _TEXT_HEIGHT)
            y += _TEXT_HEIGHT
        width = COLUMNS // max(1, len(row.widgets))
        for i, widget in enumerate(row.widgets):
            yield _at(widget, i * width, y, width, row.height)
        y += row.height


def _at(widget: Widget, x: int, y: int, width: int, height: int) -> Widget:
    return {"type": widget["type"], "x": x, "y": y, "width": width, "height": height, **widget}


def _callers(subject: Subject) -> _Row:
    target = TARGETS["ResponseLatency"]
    good = [
        _line(
            subject,
            Metric(f"within_{limit}", "ResponseLatency", f"PR(:{limit})"),
            label=f"within {limit:,} ms",
        )
        for limit in target
    ]
    coverage = [
        _hidden(subject, Metric("sure", "ResponseLatency", "SampleCount")),
        _hidden(subject, Metric("turns", "Turns", "Sum")),
        _math("coverage", "100 * FILL(sure, 0) / turns", "coverage: turns beyond doubt"),
    ]
    waits = [
        _hidden(subject, Metric("answered", "CallerWait", "SampleCount")),
        _line(subject, Metric("given_up", "AbandonedWaits", "Sum"), label="abandoned waits"),
        _math(
            "share",
            "100 * FILL(given_up, 0) / SUM([FILL(given_up, 0), FILL(answered, 0)])",
            "% of all waits",
            yAxis="right",
        ),
    ]
    return _Row(
        "## What callers notice\n"
        "Platform gaps: without the half second of end-pointing and both phone legs. Read a "
        "percentile beside its coverage; what is not covered is in CallerWait.",
        (
            _graph("Good turns, and their coverage (%)", [*good, *coverage], most=100),
            _latency(subject, "CallerWait", ("p50", "p95", "p99"), "What callers wait (ms)"),
            _graph("Callers who gave up waiting", waits),
        ),
    )


def _parts(subject: Subject) -> _Row:
    titles = {
        "SttLatency": "Speech to text (ms)",
        "ApplicationLatency": "Application: first token (ms)",
        "TtsLatency": "Text to speech (ms)",
    }
    return _Row(
        "## Where the time goes\n"
        "These overlap the gap: never add them up. Lines are what Twilio publishes as its targets.",
        tuple(_latency(subject, name, ("p50", "p95"), title) for name, title in titles.items()),
    )


def _conversation(subject: Subject) -> _Row:
    per_turn = {
        "interruptions by customers": "InterruptionsByCustomer",
        "interruptions by the agent": "InterruptionsByAgent",
        "unanswered prompts": "UnansweredPrompts",
        "ambiguous turns": "AmbiguousTurns",
    }
    rates: list[_Line] = [_hidden(subject, Metric("turns", "Turns", "Sum"))]
    for label, name in per_turn.items():
        id_ = name.lower()
        rates += [
            _hidden(subject, Metric(id_, name, "Sum")),
            _math(f"{id_}_rate", f"100 * FILL({id_}, 0) / turns", label),
        ]
    return _Row(
        "## How the conversation goes",
        (
            _graph("Per 100 turns", rates),
            _latency(subject, "BargeInStopTime", ("p50", "p95"), "Silent after barge-in (ms)"),
            _latency(subject, "TimeToFirstAudio", ("p50", "p95"), "Greeting (ms)"),
        ),
    )


def _sessions(subject: Subject) -> _Row:
    ended = [
        _line(
            subject,
            Metric(f"ended_{status}", "SessionsEnded", "Sum", (("EndStatus", status),)),
            label=status,
        )
        for status in END_STATUSES
    ]
    started = _line(subject, Metric("started", "SessionsStarted", "Sum"), label="sessions")
    errors = _search(subject, "Errors", ("ErrorCode",), "Sum")
    return _Row(
        "## Sessions",
        (
            _graph("Sessions started", [started]),
            _graph("Sessions ended, by status", ended, stacked=True),
            _graph("Errors, by code", [errors], stacked=True),
        ),
    )


def _by_dimensions(subject: Subject) -> Iterable[_Row]:
    """Three to a row: 95th percentiles, or sums, of every further dimension set."""
    widgets = [
        _graph(
            f"{name} by {' and '.join(names)}{_unit(name)}",
            [_search(subject, name, names, _main_statistic(name))],
        )
        for name, sets in subject.rules.series.sets.items()
        for names in sets
    ]
    for start in range(0, len(widgets), 3):
        text = "## By provider, voice, model and language" if start == 0 else ""
        yield _Row(text, tuple(widgets[start : start + 3]))


def _pipeline(subject: Subject) -> Iterable[_Row]:
    def owns(title: str, *names: str, right: tuple[str, ...] = ()) -> Widget:
        lines = [_line(subject, own(name.lower(), name), label=name) for name in names]
        lines += [
            _line(subject, own(name.lower(), name), label=name, yAxis="right") for name in right
        ]
        return _graph(title, lines)

    stream = [
        ["AWS/Kinesis", name, "StreamName", "${StreamName}", {"stat": "Sum", "label": label}]
        for name, label in (
            ("IncomingRecords", "records written"),
            ("WriteProvisionedThroughputExceeded", "writes refused: too few shards"),
            ("ReadProvisionedThroughputExceeded", "reads refused: too many readers"),
        )
    ]
    yield _Row(
        "## The pipeline itself",
        (
            owns("Worker alive, shards", "Heartbeat", "ShardsLive", "ShardsPaused"),
            owns("Lag (ms)", "MillisBehindLatest", "StreamTimeLag", "StreamTimeHeldBack"),
            _graph("The stream", stream),
        ),
    )
    yield _Row(
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
    yield _Row(
        "Much above the holds comes late, and is published late.",
        (
            owns("Delivery (ms)", "DeliveryDelayP50", "DeliveryDelayP95", "DeliveryDelayP99"),
            owns("Sessions", "SessionsOpen", "SessionsHeld"),
            owns("Changed after it was told", "SessionsRevised", "SamplesRetracted"),
        ),
    )
    yield _Row(
        "",
        (
            owns("Outbox: entries, rest (%); age (ms)", *_OUTBOX, right=("OutboxAge",)),
            owns("Commits (ms); state (bytes)", "CommitTime", right=("StateSize",)),
            owns("Calls failed, log lines lost", *_FAILURES),
        ),
    )


def _alarm_states(alarms: Iterable[Alarm]) -> _Row:
    arns = [f"{_ALARM_ARN}{alarm.name}" for alarm in alarms]
    return _Row(
        "## Alarms",
        ({"type": "alarm", "properties": {"title": "All alarms", "alarms": arns}},),
        height=4,
    )


def _latency(subject: Subject, name: str, percentiles: Iterable[str], title: str) -> Widget:
    lines = [_line(subject, Metric(one, name, one), label=one) for one in percentiles]
    target = TARGETS.get(name)
    if target is None:
        return _graph(title, lines)
    marks = [
        {"label": f"target {target.median:,} (median)", "value": target.median},
        {"label": f"limit {target.limit:,}", "value": target.limit},
    ]
    return _graph(title, lines, marks=marks)


def _line(subject: Subject, metric: Metric, **options: object) -> _Line:
    dimensions = [part for pair in metric.all_dimensions(subject) for part in pair]
    return [
        metric.namespace(subject),
        metric.name,
        *dimensions,
        {"id": metric.id, "stat": metric.statistic, **options},
    ]


def _hidden(subject: Subject, metric: Metric) -> _Line:
    return _line(subject, metric, visible=False)


def _math(id_: str, expression: str, label: str, **options: object) -> _Line:
    return [{"id": id_, "expression": expression, "label": label, **options}]


def _search(subject: Subject, name: str, names: Iterable[str], statistic: str) -> _Line:
    """All series of a metric with these dimensions, whatever their values."""
    fixed = dict(subject.labels)
    schema = ",".join(f'"{one}"' for one in (subject.namespace, *sorted({*names, *fixed})))
    terms = [f'MetricName="{name}"', *(f'{key}="{value}"' for key, value in fixed.items())]
    expression = f"SEARCH('{{{schema}}} {' '.join(terms)}', '{statistic}', {PERIOD_S})"
    return [{"expression": expression, "id": "found"}]


def _main_statistic(name: str) -> str:
    return "Sum" if CATALOGUE[name].unit == "Count" else "p95"


def _unit(name: str) -> str:
    return "" if CATALOGUE[name].unit == "Count" else f", p95 ({CATALOGUE[name].unit})"


def _graph(
    title: str,
    lines: list[_Line],
    *,
    marks: list[dict[str, object]] | None = None,
    most: int | None = None,
    stacked: bool = False,
) -> Widget:
    left: dict[str, object] = {"min": 0} if most is None else {"min": 0, "max": most}
    return {
        "type": "metric",
        "properties": {
            "title": title,
            "region": "${AWS::Region}",
            "view": "timeSeries",
            "stacked": stacked,
            "period": PERIOD_S,
            "yAxis": {"left": left},
            "metrics": lines,
            **({} if marks is None else {"annotations": {"horizontal": marks}}),
        },
    }
