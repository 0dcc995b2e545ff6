"""``voice-insights calls``: the worst calls on a terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from worker.cli.parameters import InstantParameter
from worker.cli.places import read_places
from worker.cli.settings_options import some_settings_options
from worker.page.data import TimeSpan, in_span
from worker.page.selection import NUMBERS, TEXTS, Condition, condition, worst_by
from worker.reports.console import console, print_table
from worker.reports.tables import ranked_table
from worker.reports.turn_parts import longest, sentence
from worker.sessions.record import encode_record
from worker.settings.sources import load_settings


class Where(click.ParamType[Condition]):
    """A condition, as in ``language=de-DE`` or ``errors>0``."""

    name = "condition"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Condition:
        """Parse the condition."""
        found = value if isinstance(value, Condition) else condition(str(value))
        if isinstance(found, str):
            self.fail(found, param, ctx)
        return found


_EPILOG = f"""\b
Conditions compare with = != > >= < <=
  texts:    {", ".join(TEXTS)}
  numbers:  {", ".join(list(NUMBERS)[:7])},
            {", ".join(list(NUMBERS)[7:])}
\b
Examples:
  voice-insights calls s3://my-bucket/sessions/dt=2026-10-02 --worst 10
  voice-insights calls sessions.jsonl --by application --where language=de-DE
  voice-insights calls calls/ --where 'errors>0' --json > failed.jsonl
"""


@click.command(no_args_is_help=True, epilog=_EPILOG)
@click.argument("places", metavar="PLACE...", nargs=-1, required=True)
@click.option(
    "--worst",
    "most",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="How many calls to show.",
)
@click.option(
    "--by",
    type=click.Choice(list(NUMBERS)),
    default="caller_wait",
    show_default=True,
    metavar="NUMBER",
    help="What to rank them by: the longest wait, the p95 of a latency, or a count.",
)
@click.option(
    "--from", "since", type=InstantParameter(), help="Only calls that began at or after this time."
)
@click.option(
    "--to", "until", type=InstantParameter(), help="Only calls that began before this time."
)
@click.option(
    "--where",
    "conditions",
    type=Where(),
    multiple=True,
    metavar="CONDITION",
    help="Only calls that meet this condition; given several times, all must be met.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON, one per line.")
@some_settings_options("region", "endpoint_url")
def calls(places: tuple[str, ...], config_file: Path | None, **options: Any) -> None:
    """Rank the calls at each PLACE by how badly they went for their callers.

    PLACE is the same as for `report`: session records in a file or a bucket, a recording, or a
    worker's state. A wait during which events are missing proves nothing and never counts as a
    call's longest; a wait that ended with the caller hanging up counts up to the session's end.
    """
    wishes = {name: options.pop(name) for name in ("most", "by", "since", "until", "conditions")}
    as_json = options.pop("as_json")
    settings = load_settings(options, os.environ, config_file).settings
    records = in_span(
        read_places(places, settings).records, TimeSpan(wishes["since"], wishes["until"])
    )
    meant = [one for one in records if all(rule.holds(one) for rule in wishes["conditions"])]
    by = wishes["by"]
    found = worst_by(meant, by, wishes["most"])
    if as_json:
        for record in found:
            click.echo(encode_record(record))
        return
    out = console(sys.stdout)
    values = [NUMBERS[by](one) for one in found]
    title = f"{len(found)} of {len(meant)} calls, by {by}"
    print_table(out, ranked_table(found, by, values, title))
    wait = longest(found[0]) if found else None
    if wait is not None:
        out.print(f"  {sentence(found[0].session_id, wait)}", soft_wrap=True)
