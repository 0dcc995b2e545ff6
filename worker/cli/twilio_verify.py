"""``voice-insights twilio verify``: compare session records with Twilio's own summaries."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, time
from typing import Final, get_args

import click
from rich.table import Table

from worker.cli.progress import Progress
from worker.cli.records_file import records_in
from worker.cli.settings_options import some_settings_options
from worker.cli.twilio_rest import Bases, address_option, connected
from worker.destinations.objects import RECORDS
from worker.errors import BadInput
from worker.opening import Locations
from worker.printable import escaped_line
from worker.reports.console import console, print_table
from worker.settings.sources import load_settings
from worker.twilio.comparison import ComparedField, FieldVerdict, SessionCompared
from worker.twilio.verification import Selection, select
from worker.twilio.verification import verify_calls as compare

_SHOWN: Final = 50


@click.command(short_help="Compare records with Twilio's summaries.", no_args_is_help=True)
@click.argument("places", nargs=-1, required=True, metavar="PLACE...")
@click.option(
    "--sample",
    type=click.IntRange(1),
    metavar="N",
    help="Only N calls, chosen evenly, the same ones every time.",
)
@click.option("--all", "show_all", is_flag=True, help="Show equal fields, too.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line, one for each session."
)
@address_option("insights")
@some_settings_options("region", "endpoint_url")
def verify(
    places: tuple[str, ...],
    sample: int | None,
    show_all: bool,
    as_json: bool,
    insights_url: str,
    config_file: Path | None,
    **options: str | None,
) -> None:
    """Compare session records with Twilio's summaries of the same calls, field by field.

    PLACE is a file of session records, or s3://bucket/prefix. The fields compared are STT, TTS
    and application latency (least, greatest, average), tokens, words, turns, interruptions and
    how the session ended. A field is equal (turns: nearly, because Twilio defines them
    differently); or its difference is explained: by replies that can't be attributed, by doubt or
    missing events that the record itself states, by Twilio's 0/0/0 for no sample, or by an
    incomplete summary; or it is different. A summary may take up to 30 minutes after a call's end
    to be complete; Twilio keeps it for 30 days.

    The exit code is 1 if a field is different.

    \b
    Examples:
      voice-insights twilio verify sessions.jsonl
      voice-insights twilio verify s3://my-bucket/sessions/dt=2026-10-02 --sample 50 --json
    """
    settings = load_settings(options, os.environ, config_file).settings
    locations = Locations(settings.region, settings.endpoint_url)
    records = [
        record for place in places for record in records_in(locations.lines(place, RECORDS), None)
    ]
    now = int(time() * 1000)
    chosen = select(records, now, sample)
    if not chosen.records:
        raise BadInput(f"nothing to compare: {_summary(chosen, Counter())}")
    bases = Bases(insights=insights_url)
    with connected(bases, settings.region, settings.endpoint_url) as twilio:
        progress = Progress("asked for", monotonic, noun="calls")
        compared = list(compare(twilio.insights, chosen.records, now, progress))
    _show(compared, show_all=show_all, as_json=as_json)
    verdicts = Counter(one.verdict for one in compared)
    click.echo(_summary(chosen, verdicts), err=True)
    if verdicts["different"] and not as_json:
        _advise(next(one for one in compared if one.verdict == "different"), places[0])
    sys.exit(bool(verdicts["different"]))


def _show(compared: Sequence[SessionCompared], *, show_all: bool, as_json: bool) -> None:
    if as_json:
        for one in compared:
            click.echo(json.dumps(_fields(one)))
        return
    rows = [
        (session, field)
        for session in compared
        for field in session.fields
        if show_all or field.verdict != "equal"
    ]
    rows.sort(key=lambda row: row[1].verdict != "different")
    if rows:
        print_table(console(sys.stdout), _table(rows if show_all else rows[:_SHOWN]))
        if len(rows) > _SHOWN and not show_all:
            click.echo(f"and {len(rows) - _SHOWN} more; --json prints them all")


def _fields(one: SessionCompared) -> dict[str, object]:
    return {
        "call_sid": one.call_sid,
        "session_id": one.session_id,
        "verdict": one.verdict,
        "fields": [field._asdict() for field in one.fields],
    }


def _table(rows: Sequence[tuple[SessionCompared, ComparedField]]) -> Table:
    table = Table(title="Records beside Twilio's summaries", box=None, pad_edge=False)
    for name in ("session", "field", "record", "Twilio", "", "why"):
        table.add_column(name, overflow="fold")
    for session, field in rows:
        table.add_row(
            session.session_id,
            field.field,
            field.ours,
            field.theirs,
            field.verdict,
            field.reason or "",
            style="red" if field.verdict == "different" else "",
        )
    return table


def _summary(chosen: Selection, verdicts: Counter[FieldVerdict]) -> str:
    counts = ", ".join(f"{verdicts[name]:,} {name}" for name in get_args(FieldVerdict))
    left = ""
    if chosen.too_old:
        left += f"; {chosen.too_old:,} older than 30 days left out"
    if chosen.foreign:
        left += f"; {chosen.foreign:,} of other platforms left out"
    return f"{sum(verdicts.values()):,} sessions compared: {counts}{left}"


def _advise(one: SessionCompared, place: str) -> None:
    session_id, call_sid = escaped_line(one.session_id), escaped_line(one.call_sid)
    click.echo(
        f"open one:     voice-insights session {session_id} --records {place}\n"
        f"read it back: voice-insights twilio events {call_sid} -o {call_sid}",
        err=True,
    )
