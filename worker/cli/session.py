"""``voice-insights session``: one call, turn by turn."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from worker.cli.records_file import read_records
from worker.errors import BadInput
from worker.observe.tables import call_notes, call_table, console
from worker.sessions.record import encode, to_record
from worker.sessions.schema import SessionRecord
from worker.sessions.session import Held
from worker.state.sqlite_reading import find_sessions


@click.command(no_args_is_help=True)
@click.argument("sid")
@click.option(
    "--records",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Look in a file of session records instead of the worker's state.",
)
@click.option(
    "--state",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default=Path("voice-insights.sqlite"),
    show_default=True,
    help="The worker's state; it may be running.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
def session(sid: str, records: Path | None, state: Path, as_json: bool) -> None:
    """Show the call or session SID (CA..., VX...) turn by turn.

    From the worker's state: sessions that are open, and closed ones for as long as a late event
    may change them. From a file of session records (--records): any session in it, its last
    revision.
    """
    found = read_records(records, sid) if records is not None else _from_state(state, sid)
    if not found:
        raise BadInput(f"no session {sid} in {records or state}")
    for record in found:
        if as_json:
            click.echo(encode(record))
            continue
        out = console(sys.stdout)
        out.print(call_table(record))
        for note in call_notes(record):
            out.print(f"  {note}")


def _from_state(path: Path, sid: str) -> list[SessionRecord]:
    if not path.exists():
        raise BadInput(f"there is no state file {path}")
    return [
        to_record(packed.state, Held(packed.state, packed.log).reading())
        for packed in find_sessions(path, sid)
    ]
