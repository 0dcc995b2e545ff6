"""The rows of the dashboard that are of the pipeline itself, whatever calls there are. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from worker.monitoring.deployment import Deployment, of_stream, own
from worker.monitoring.widgets import Widget, WidgetRow, graph, line

_OUTBOX: Final = ("OutboxEntries", "Backpressure")
_FAILURES: Final = (
    *("StreamCallsFailed", "StateCallsFailed", "LogLinesDropped", "SessionsQuarantined"),
)


def pipeline(deployment: Deployment) -> Iterable[WidgetRow]:
    """Return the rows of the stream, the worker and what it sends."""

    def owns(title: str, *names: str, right: tuple[str, ...] = ()) -> Widget:
        lines = [line(deployment, own(name.lower(), name), label=name) for name in names]
        lines += [
            line(deployment, own(name.lower(), name), label=name, yAxis="right") for name in right
        ]
        return graph(title, lines)

    stream = [
        line(deployment, of_stream(name.lower(), name), label=label)
        for name, label in (
            ("IncomingRecords", "records written"),
            ("WriteProvisionedThroughputExceeded", "writes refused: too few shards"),
            ("ReadProvisionedThroughputExceeded", "reads refused: too many readers"),
        )
    ]
    yield WidgetRow(
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
    yield WidgetRow(
        "Every occurrence has one outcome; samples that may be counted twice are bounded.",
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
    yield WidgetRow(
        "Events delayed far beyond the holds are late, and published late.",
        (
            owns("Delivery (ms)", "DeliveryDelayP50", "DeliveryDelayP95", "DeliveryDelayP99"),
            owns("Sessions", "SessionsOpen", "SessionsHeld"),
            owns("Changed after it was emitted", "SessionsRevised", "SamplesRetracted"),
        ),
    )
    yield WidgetRow(
        "",
        (
            owns("Outbox: entries, backpressure (%); age (ms)", *_OUTBOX, right=("OutboxAge",)),
            owns("Commits (ms); state (bytes)", "CommitTime", right=("StateSize",)),
            owns("Failed calls, dropped log lines", *_FAILURES),
        ),
    )
