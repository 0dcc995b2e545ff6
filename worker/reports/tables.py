"""Tables for people: CloudWatch's contents, the worst sessions, one call turn by turn.

An event's text is always a single line, whatever it contains, and can't make a row of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from rich import box
from rich.table import Table

from worker.printable import escaped_line
from worker.reports.turn_parts import LEGEND, bars
from worker.sessions.schema import RowPart, SessionRecord

_UNITS: Final = {
    "Milliseconds": " (ms)",
    "Seconds": " (s)",
    "Count/Second": " (/s)",
    "Percent": " (%)",
}
_OUTCOME_STYLES: Final = {
    "ambiguous": "yellow",
    "interrupted": "cyan",
    "unanswered": "red",
    "abandoned": "bold red",
    "greeting": "dim",
    "doubtful": "magenta",
}


class MetricRow(NamedTuple):
    """A metrics backend's totals of one series over a span; values in the metric's unit."""

    name: str
    dimensions: str
    unit: str
    samples: float
    average: float
    minimum: float
    maximum: float


def metrics_table(rows: Iterable[MetricRow], title: str) -> Table:
    """A table with a line for each series."""
    table = _table(title, ("metric",), ("samples", "average", "min", "max"), folding=("by",))
    for row in rows:
        numbers = (row.average, row.minimum, row.maximum)
        table.add_row(
            f"{row.name}{_UNITS.get(row.unit, '')}",
            escaped_line(row.dimensions),
            f"{row.samples:,.0f}",
            *(_number(n) for n in numbers),
        )
    return table


def sessions_table(records: Sequence[SessionRecord], title: str) -> Table:
    """A table of sessions: how long the caller waited, and for how many turns that is certain."""
    table = _table(
        title,
        (),
        ("sure\nturns", "wait\np50", "wait\nmax", "response\np95", "no\nreply", "barge-\nins"),
        folding=("session",),
    )
    table.columns[0].min_width = max(map(len, map(_id, records)), default=0)
    for record in records:
        wait, response = record.latency_ms.caller_wait, record.latency_ms.response
        lasted = "" if record.duration_s is None else f", {record.duration_s:,} s"
        table.add_row(
            f"{_id(record)}\n{record.started_at[:19]}, {_ending(record)}{lasted}",
            f"{response.count if response else 0}/{record.turns}",
            _or_dash(wait and wait.p50),
            _or_dash(wait and wait.max),
            _or_dash(response and response.p95),
            str(record.unanswered_prompts),
            str(record.interruptions.by_customer),
        )
    return table


def ranked_table(
    records: Sequence[SessionRecord], by: str, values: Sequence[float | None], title: str
) -> Table:
    """A table of calls: the number that they are ranked by, and further figures."""
    table = _table(
        title,
        ("session", "began", "end"),
        (by.replace("_", "\n"), "turns", "no\nreply", "barge-\nins", "errors", "missing"),
        folding=("language",),
    )
    for record, value in zip(records, values, strict=True):
        context = record.context
        table.add_row(
            record.session_id,
            record.started_at[:19],
            _ending(record),
            context.tts_language,
            _or_dash(value),
            str(record.turns),
            str(record.unanswered_prompts),
            str(record.interruptions.by_customer),
            str(len(record.errors)),
            str(record.completeness.missing),
        )
    return table


def worst_sessions(records: Iterable[SessionRecord], most: int) -> list[SessionRecord]:
    """The sessions that went worst: those with abandoned waits first, then by the longest wait."""
    return sorted(records, key=_misery, reverse=True)[:most]


def call_table(record: SessionRecord) -> Table:
    """A table with a line for each turn row; durations in milliseconds."""
    context = record.context
    title = escaped_line(
        f"{record.session_id}, {record.started_at}: {_ending(record)}, {record.turns} turns; "
        f"{context.transcription_provider} {context.speech_model}, {context.tts_provider} (ms)"
    )
    table = _table(
        title,
        ("#", "at", "outcome"),
        ("caller\nwait", "re-\nsponse", "appli-\ncation", "stt", "tts", "reply", "to-\nkens"),
    )
    table.add_column("lan-\nguage", overflow="fold")
    for row in record.turn_rows:
        table.add_row(
            str(row.n),
            row.at[11:23],
            row.outcome,
            *(_or_dash(value) for value in _measures(row)),
            escaped_line(row.language),
            style=_OUTCOME_STYLES.get(row.outcome, ""),
        )
    return table


def call_bars(record: SessionRecord) -> list[str]:
    """The legend, and each turn row's wait as a bar; empty if nobody waited."""
    drawn = bars(record)
    lines = [
        f"{row.n:>4}  {row.at[11:19]}  {bar}"
        for row, bar in zip(record.turn_rows, drawn, strict=True)
        if bar
    ]
    return [*lines, LEGEND] if lines else []


def call_notes(record: SessionRecord) -> list[str]:
    """Notes that a reader of one call should know besides its rows."""
    seen = record.completeness
    notes = [
        f"{seen.events} events, at least {seen.missing} missing; "
        f"revision {record.revision}, closed by {record.close_reason}",
    ]
    if record.doubtful_waits or record.doubtful_turns or record.doubtful_prompts:
        notes.append(
            f"in doubt, since events are missing: {record.doubtful_waits} waits, "
            f"{record.doubtful_turns} turns, {record.doubtful_prompts} prompts"
        )
    notes += [f"error {error.code} at {error.at}: {error.message}" for error in record.errors]
    notes += [f"unknown event {name!r}: {n}" for name, n in record.unknown_events.items()]
    return list(map(escaped_line, notes))


def _measures(row: RowPart) -> tuple[int | None, ...]:
    return (
        row.caller_wait_ms,
        row.response_ms,
        row.application_ms,
        row.stt_ms,
        row.tts_ms,
        row.reply_ms,
        row.tokens,
    )


def _misery(record: SessionRecord) -> tuple[int, float]:
    wait = record.latency_ms.caller_wait
    return record.abandoned_waits, wait.max if wait else 0


def _id(record: SessionRecord) -> str:
    return escaped_line(record.session_id)


def _ending(record: SessionRecord) -> str:
    return escaped_line(record.end_status or f"no wrap-up ({record.close_reason})")


def _table(
    title: str, texts: Iterable[str], numbers: Iterable[str], folding: Iterable[str] = ()
) -> Table:
    """Make a table. ``folding``: the columns whose text may wrap; no column is ever cut short."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for name in texts:
        table.add_column(name, no_wrap=True)
    for name in folding:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _or_dash(value: Any) -> str:
    return "–" if value is None else _number(value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
