"""``voice-insights reconcile``: compare the samples sent with those that CloudWatch has."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import time
from typing import Final, cast, get_args

import click
from rich.table import Table

from worker.aws.clients import client_errors
from worker.aws.errors import aws_errors, expecting_an_answer
from worker.aws.sessions import open_session
from worker.cli.parameters import Duration, InstantParameter
from worker.cli.settings_options import some_settings_options
from worker.destinations.cloudwatch.requests import DATUMS, METRIC_KIND
from worker.errors import BadInput
from worker.fleet.layout_store import bucket_views
from worker.metrics.series import Series
from worker.opening import Locations
from worker.outbox.ledger import NOTES_KEPT_MS, Note, NoteKey
from worker.reports.console import console
from worker.reports.reconciliation import MinuteVerdict, ReconciledMinute, compared
from worker.reports.sample_counts import MetricDataApi, sample_counts
from worker.settings.model import Settings
from worker.settings.sources import load_settings
from worker.state.view import StateView
from worker.times.minutes import minute_of
from worker.times.rfc3339 import format_ms

_SHOWN: Final = 50
_FORMATS: Final = {METRIC_KIND: DATUMS}
"""The format of each kind of entry that counts in CloudWatch."""

Notes = dict[NoteKey, Note]


@click.command()
@click.option(
    "--since",
    type=InstantParameter(),
    help="First minute to compare, in ISO 8601.  [default: --last before --until]",
)
@click.option(
    "--until",
    type=InstantParameter(),
    help="End of the span; this minute is not included.  [default: now]",
)
@click.option(
    "--last",
    type=Duration(),
    default="3h",
    show_default=True,
    help="Length of the span, without --since.",
)
@click.option("--all", "show_all", is_flag=True, help="Show exact minutes, too.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line, one for each minute."
)
@some_settings_options("state", "namespace", "region", "endpoint_url")
def reconcile(
    since: int | None,
    until: int | None,
    last: float,
    show_all: bool,
    as_json: bool,
    config_file: Path | None,
    **options: str | None,
) -> None:
    """Compare the samples sent with those that CloudWatch has, minute by minute.

    For every request to CloudWatch that has ended, the worker's state keeps a note for 15 days:
    how many samples of which series and minute the request held, and how many times it may have
    been counted. This command compares the notes with CloudWatch's SampleCount. A minute of a
    series is exact; or above, by at most the bound A: the samples of requests with an attempt
    whose arrival is uncertain; or it has too few or too many samples. The worker may be running.
    CloudWatch takes some time to show new minutes, and longer to show late ones: up to 2 hours
    for data that is 3 to 24 hours old. Of a fleet the notes of all buckets count together.

    The exit code is 1 if a minute has fewer samples than it must, or more than its bound allows.

    \b
    Examples:
      voice-insights reconcile --last 24h
      voice-insights reconcile --state s3://my-bucket/state --since 2026-10-02T12:00Z --all
    """
    settings = load_settings(options, os.environ, config_file).settings
    end = minute_of(until if until is not None else int(time() * 1000))
    begin = minute_of(since if since is not None else end - int(last * 1000))
    if not end - NOTES_KEPT_MS <= begin < end:
        raise BadInput(
            f"the span from {format_ms(begin)} to {format_ms(end)} is empty or longer than the "
            "15 days that the ledger keeps"
        )
    states = bucket_views(Locations(settings.region, settings.endpoint_url), settings.state)
    before, waiting = _ledger(states, begin)
    series = _series([*before.values(), *waiting.values()])
    found = _found(settings, series, begin, end)
    after, waiting = _ledger(states, begin)
    rows = [row for row in compared(before, found, after, waiting) if begin <= row.minute < end]
    _show(rows, show_all=show_all, as_json=as_json)
    verdicts = Counter(row.verdict for row in rows)
    click.echo(_summary(rows, verdicts, begin, end), err=True)
    sys.exit(bool(verdicts["missing"] or verdicts["too many"]))


def _series(notes: Sequence[Note]) -> list[Series]:
    return sorted({series for note in notes for series, _, _ in note.counts})


def _ledger(states: Sequence[StateView], since: int) -> tuple[Notes, Notes]:
    """The notes on requests that have ended, and on those waiting; a note may be in both."""
    all_ended: Notes = {}
    all_waiting: Notes = {}
    for state in states:
        ended, waiting = state.ledger_since(since, _FORMATS)
        all_ended |= _keyed(state, ended)
        all_waiting |= _keyed(state, waiting)
    return all_ended, all_waiting


def _keyed(state: StateView, notes: list[Note]) -> Notes:
    return {(state.location, note.entry): note for note in notes}


def _found(
    settings: Settings, series: Sequence[Series], since: int, until: int
) -> dict[tuple[Series, int], int]:
    with client_errors("CloudWatch"):
        client = open_session().client(
            "cloudwatch", region_name=settings.region, endpoint_url=settings.endpoint_url
        )
    api = cast("MetricDataApi", client)
    with aws_errors(), expecting_an_answer("CloudWatch", client):
        return sample_counts(api, settings.namespace, series, since, until)


def _show(rows: Sequence[ReconciledMinute], *, show_all: bool, as_json: bool) -> None:
    selected = [row for row in rows if show_all or row.verdict != "exact"]
    if as_json:
        for row in selected:
            click.echo(json.dumps(_fields(row)))
        return
    if selected:
        shown = selected if show_all else selected[:_SHOWN]
        console(sys.stdout).print(_table(shown))
        if len(shown) < len(selected):
            click.echo(f"and {len(selected) - len(shown)} more; --json prints them all")


def _fields(row: ReconciledMinute) -> dict[str, object]:
    return {
        "minute": format_ms(row.minute),
        "metric": row.series.metric,
        "dimensions": dict(row.series.dimensions),
        "must": row.must,
        "bound": row.bound,
        "waiting": row.waiting,
        "found": row.found,
        "difference": row.difference,
        "verdict": row.verdict,
    }


def _table(rows: Sequence[ReconciledMinute]) -> Table:
    table = Table(title="Samples by series and minute", box=None, pad_edge=False)
    table.add_column("minute", no_wrap=True)
    for name in ("metric", "by"):
        table.add_column(name, overflow="fold")
    for name in ("must", "found", "difference", "bound A", "waiting"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for row in rows:
        numbers = (row.must, row.found, row.difference, row.bound, row.waiting)
        by = ", ".join(value for _, value in row.series.dimensions)
        table.add_row(
            format_ms(row.minute)[:16],
            row.series.metric,
            by,
            *(f"{number:,}" for number in numbers),
            row.verdict,
        )
    return table


def _summary(
    rows: Sequence[ReconciledMinute], verdicts: Counter[MinuteVerdict], begin: int, end: int
) -> str:
    span = f"{format_ms(begin)[:16]} to {format_ms(end)[:16]}"
    if not rows:
        return f"{span}: nothing was sent, and nothing is waiting"
    counts = ", ".join(
        f"{verdicts[name]:,} {name}" for name in get_args(MinuteVerdict) if verdicts[name]
    )
    waiting = sum(row.waiting for row in rows)
    return (
        f"{span}: {len(rows):,} series' minutes: {counts}; CloudWatch has "
        f"{sum(row.found for row in rows):,} samples and must have "
        f"{sum(row.must for row in rows):,}, {waiting:,} are waiting to be sent"
    )
