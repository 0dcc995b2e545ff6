"""``voice-insights session``: one call, turn by turn."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from worker.cli.bucket_lines import access, lines_at
from worker.cli.records_file import read_records, records_in
from worker.cli.settings_options import some_settings_options
from worker.destinations.objects import RECORDS
from worker.errors import BadInput
from worker.reports.tables import call_notes, call_table, console, print_table
from worker.sessions.record import encode, to_record
from worker.sessions.resident import Held
from worker.sessions.schema import SessionRecord
from worker.settings.model import Settings
from worker.settings.sources import load_settings
from worker.settings.values import is_s3
from worker.state.s3 import view as s3_reading
from worker.state.sqlite import view as sqlite_reading


@click.command(no_args_is_help=True)
@click.argument("sid")
@click.option(
    "--records",
    metavar="PLACE",
    help="Look in session records instead of the worker's state: a file, or s3://bucket/prefix.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
@some_settings_options("state", "region", "endpoint_url")
def session(
    sid: str,
    records: str | None,
    as_json: bool,
    config_file: Path | None,
    **options: str | None,
) -> None:
    """Show the call or session SID (CA..., VX...) turn by turn.

    From the worker's state: sessions that are open, and closed ones for as long as a late event
    may change them. The worker may be running; its settings tell where the state is. From
    session records (--records): any session in them, its last revision. In a bucket all records
    below the prefix are read, so name the day or the hour if you can.

    \b
    Examples:
      voice-insights session VX123
      voice-insights session VX123 --state s3://my-bucket/state
      voice-insights session CA123 --records s3://my-bucket/sessions/dt=2026-10-02
    """
    if records is not None and not is_s3(records):
        place, found = records, read_records(Path(records), sid)
    else:
        settings = load_settings(options, os.environ, config_file).settings
        place = records or settings.state
        found = _from_bucket(place, settings, sid) if records else _from_state(settings, sid)
    if not found:
        raise BadInput(f"no session {sid} in {place}")
    for record in found:
        if as_json:
            click.echo(encode(record))
            continue
        out = console(sys.stdout)
        print_table(out, call_table(record))
        for note in call_notes(record):
            out.print(f"  {note}")


def _from_bucket(place: str, settings: Settings, sid: str) -> list[SessionRecord]:
    return records_in(lines_at(place, RECORDS, settings.region, settings.endpoint_url), sid)


def _from_state(settings: Settings, sid: str) -> list[SessionRecord]:
    place = settings.state
    if is_s3(place):
        at = access(place, settings.region, settings.endpoint_url)
        found = s3_reading.find_sessions(at, sid)
    elif Path(place).exists():
        found = sqlite_reading.find_sessions(Path(place), sid)
    else:
        raise BadInput(f"there is no state file {place}")
    return [to_record(one.state, Held(one.state, one.log).reading()) for one in found]
