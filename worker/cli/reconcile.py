"""``voice-insights reconcile``: what was sent against what CloudWatch has."""

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
"""Of the entries that count in CloudWatch."""

Notes = dict[NoteKey, Note]


@click.command()
@click.option(
    "--since",
    type=InstantParameter(),
    help="First minute to compare, in ISO 8601.  [default: --last before --until]",
)
@click.option("--until", type=InstantParameter(), help="Minute to stop before.  [default: now]")
@click.option(
    "--last",
    type=Duration(),
    default="3h",
    show_default=True,
    help="How far back, without --since.",
)
@click.option("--all", "show_all", is_flag=True, help="Show minutes that are exact, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line and minute.")
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
    """Compare what was sent with what CloudWatch has, minute by minute.

    The worker's state keeps, for 15 days, a note on every request to CloudWatch that has ended:
    how many samples of which series and minute it held, and how often it may have counted. Here
    that is laid beside CloudWatch's SampleCount. A series' minute is exact; or it is above by
    no more than the bound A, the samples of requests of which nobody knows whether an attempt
    arrived; or something is wrong. The worker may be running. New minutes, and late ones most
    of all, take CloudWatch some time to show: data that is 3 to 24 hours old up to 2 hours.

    Exit code 1 if a minute has less than it must, or more than its bound allows.

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
    state = Locations(settings.region, settings.endpoint_url).view(settings.state)
    before, waiting = _ledger(state, begin)
    series = _series([*before.values(), *waiting.values()])
    found = _found(settings, series, begin, end)
    after, waiting = _ledger(state, begin)
    rows = [row for row in compared(before, found, after, waiting) if begin <= row.minute < end]
    _show(rows, show_all=show_all, as_json=as_json)
    verdicts = Counter(row.verdict for row in rows)
    click.echo(_summary(rows, verdicts, begin, end), err=True)
    sys.exit(bool(verdicts["missing"] or verdicts["too many"]))


def _series(notes: Sequence[Note]) -> list[Series]:
    return sorted({series for note in notes for series, _, _ in note.counts})


def _ledger(state: StateView, since: int) -> tuple[Notes, Notes]:
    """Notes on requests that have ended, and on those that wait; one may be in both."""
    ended, waiting = state.ledger_since(since, _FORMATS)
    return _keyed(state, ended), _keyed(state, waiting)


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
    told = [row for row in rows if show_all or row.verdict != "exact"]
    if as_json:
        for row in told:
            click.echo(json.dumps(_fields(row)))
        return
    if told:
        shown = told if show_all else told[:_SHOWN]
        console(sys.stdout).print(_table(shown))
        if len(shown) < len(told):
            click.echo(f"and {len(told) - len(shown)} more; see them all with --json")


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
        return f"{span}: nothing was sent, and nothing waits"
    counts = ", ".join(
        f"{verdicts[name]:,} {name}" for name in get_args(MinuteVerdict) if verdicts[name]
    )
    waiting = sum(row.waiting for row in rows)
    return (
        f"{span}: {len(rows):,} series' minutes: {counts}; CloudWatch has "
        f"{sum(row.found for row in rows):,} samples of {sum(row.must for row in rows):,} that it "
        f"must have, {waiting:,} wait to be sent"
    )
