"""The sums of session records, by the metrics that count the same things."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from worker.metrics.catalogue import CATALOGUE
from worker.reports.tables import MetricRow
from worker.sessions.schema import SessionRecord

SESSIONS: Final = "sessions"
COUNTED: Final = {
    "SessionsStarted": SESSIONS,
    "SessionsEnded": SESSIONS,
    "Turns": "turns",
    "AmbiguousTurns": "ambiguous_turns",
    "DoubtfulTurns": "doubtful_turns",
    "Prompts": "prompts",
    "UnansweredPrompts": "unanswered_prompts",
    "DoubtfulPrompts": "doubtful_prompts",
    "AmbiguousReplies": "ambiguous_replies",
    "AbandonedWaits": "abandoned_waits",
    "DoubtfulWaits": "doubtful_waits",
    "Interruptions": "interruptions.total",
    "InterruptionsByCustomer": "interruptions.by_customer",
    "InterruptionsByAgent": "interruptions.by_agent",
    "Preemptions": "preemptions",
    "DtmfReceived": "dtmf",
    "DigitsSent": "digits",
    "MediaRequested": "media",
    "LanguageChanges": "language_changes",
    "InvalidLatencies": "invalid_latencies",
    "InvalidTokens": "invalid_tokens",
    "ToolCalls": "tool_calls",
    "Handoffs": "handoffs",
    "Errors": "errors",
    "Tokens": "tokens.total",
    "Words": "tokens.words",
    "SttLatency": "latency_ms.stt.count",
    "TtsLatency": "latency_ms.tts.count",
    "EndOfTurnDelay": "latency_ms.end_of_turn.count",
    "ApplicationLatency": "latency_ms.application.count",
    "ResponseLatency": "latency_ms.response.count",
    "CallerWait": "latency_ms.caller_wait.count",
    "TimeToReplyEnd": "latency_ms.time_to_reply_end.count",
    "ReplyDuration": "latency_ms.reply_duration.count",
    "TokenStreamDuration": "latency_ms.token_stream.count",
    "BargeInStopTime": "latency_ms.barge_in_stop.count",
    "TokensPerSecond": "tokens.per_second.count",
}
"""The path in a record of a metric's count: the sum if the unit is Count, else the samples.
``SESSIONS`` is the record itself; a list counts by its length."""


class Beside(NamedTuple):
    """A metric's count in its published series and in the session records."""

    metric: str
    published: int
    recorded: int


def beside(rows: Iterable[MetricRow], records: Iterable[SessionRecord]) -> list[Beside]:
    """The counts of a metrics backend beside those of the records, where either is above 0.

    Each metric's rows must be those of one dimension set, which has each sample once.
    """
    published = dict.fromkeys(COUNTED, 0.0)
    for row in rows:
        if row.name in published:
            counts = CATALOGUE[row.name].unit == "Count"
            published[row.name] += row.samples * row.average if counts else row.samples
    recorded = dict.fromkeys(COUNTED, 0)
    for record in records:
        fields = {SESSIONS: 1, **msgspec.to_builtins(record)}
        for metric, path in COUNTED.items():
            recorded[metric] += _count(fields, path)
    return [
        Beside(metric, round(published[metric]), recorded[metric])
        for metric in COUNTED
        if published[metric] or recorded[metric]
    ]


def _count(fields: Mapping[str, Any], path: str) -> int:
    found: Any = fields
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return len(found) if isinstance(found, list) else found or 0
