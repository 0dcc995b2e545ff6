"""``voice-insights session``: show one call turn by turn."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from worker.cli.records_file import records_at, records_in
from worker.cli.settings_options import some_settings_options
from worker.destinations.objects import RECORDS
from worker.errors import BadInput
from worker.opening import Locations
from worker.printable import escaped_json
from worker.reports.console import console, print_table
from worker.reports.tables import call_bars, call_notes, call_table
from worker.sessions.record import encode_record
from worker.settings.sources import load_settings


@click.command(no_args_is_help=True)
@click.argument("sid")
@click.option(
    "--records",
    metavar="PLACE",
    help="Search session records instead of the worker's state: a file, or s3://bucket/prefix.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
@some_settings_options("state", "sequence_numbers", "region", "endpoint_url")
def session(
    sid: str,
    records: str | None,
    as_json: bool,
    config_file: Path | None,
    **options: str | None,
) -> None:
    """Show the call or session SID (CA..., VX...) turn by turn.

    By default the session comes from the worker's state, which holds open sessions, and closed
    ones for as long as a late event may change them. The settings say where the state is; the
    worker may be running. Of a fleet it is looked for in the bucket that a session id names, and a
    call in all of them. With --records the session's last revision comes from session records.
    In a bucket all records below the prefix are read, so name the day or the hour if you can.

    \b
    Examples:
      voice-insights session VX123
      voice-insights session VX123 --state s3://my-bucket/state
      voice-insights session CA123 --records s3://my-bucket/sessions/dt=2026-10-02
    """
    settings = load_settings(options, os.environ, config_file).settings
    locations = Locations(settings.region, settings.endpoint_url)
    if records is None:
        found = records_at(locations, settings.state, sid, settings.sequence_numbers)
    else:
        found = records_in(locations.lines(records, RECORDS), sid)
    if not found:
        raise BadInput(f"no call or session {sid} in {records or settings.state}")
    for record in found:
        if as_json:
            click.echo(escaped_json(encode_record(record).decode()).encode())
            continue
        out = console(sys.stdout)
        print_table(out, call_table(record))
        for line in (*call_bars(record), *call_notes(record)):
            out.print(f"  {line}", soft_wrap=True)
