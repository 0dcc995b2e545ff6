"""``voice-insights report``: calls and the fleet as one HTML page."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from worker.cli.parameters import InstantParameter
from worker.cli.places import read_places
from worker.cli.settings_options import some_settings_options
from worker.errors import Misconfigured, VoiceInsightsError
from worker.page.data import Data, ReportScope, TimeSpan, data_of
from worker.page.report import render_report as html_of
from worker.page.static import INDEX, static_files
from worker.private_files import owner_only
from worker.settings.sources import load_settings
from worker.times.rfc3339 import format_ms, parse_ms

_STDOUT: Final = "-"
_CALLS: Final = 500


class CallCount(click.ParamType[int | None]):
    """A number of calls, or ``all``, which is None."""

    name = "number"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """Parse the number, 0 or more."""
        text = str(value)
        if value is not None and text != "all" and not (text.isascii() and text.isdecimal()):
            self.fail(f"{value!r} is not a number; write 500 or all", param, ctx)
        return None if value is None or text == "all" else int(text)


class Spans(click.ParamType[TimeSpan]):
    """A span, ``FROM..TO``, of two times; TO is not included."""

    name = "span"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> TimeSpan:
        """Parse the span, in epoch milliseconds."""
        if isinstance(value, TimeSpan):
            return value
        since, _, until = str(value).partition("..")
        ends = parse_ms(since.strip()), parse_ms(until.strip())
        if None in ends:
            self.fail(
                f"{value!r} is not a span; write 2026-10-02T12:00:00Z..2026-10-02T13:00:00Z",
                param,
                ctx,
            )
        return TimeSpan(*ends)


@click.command(no_args_is_help=True)
@click.argument("places", metavar="PLACE...", nargs=-1, required=True)
@click.option("-o", "--out", metavar="FILE", help="Where to write; - for standard output.")
@click.option(
    "--from", "since", type=InstantParameter(), help="Only calls that began at or after this time."
)
@click.option(
    "--to", "until", type=InstantParameter(), help="Only calls that began before this time."
)
@click.option(
    "--calls",
    type=CallCount(),
    default=_CALLS,
    show_default=True,
    metavar="N|all",
    help="How many calls to show in full, the worst first; the others become rows and strips.",
)
@click.option(
    "--against",
    type=Spans(),
    metavar="FROM..TO",
    help="Compare with the calls that began in another span.",
)
@click.option("--title", metavar="TEXT", help="A title, shown beside the span of time.")
@click.option(
    "--redact",
    is_flag=True,
    help="Leave out account and call ids and error messages; show SIDs as digests.",
)
@click.option("--json", "as_json", is_flag=True, help="Write only the data, as JSON.")
@some_settings_options("region", "endpoint_url")
def report(
    places: tuple[str, ...],
    out: str | None,
    config_file: Path | None,
    **options: Any,
) -> None:
    """Write the calls and the fleet at each PLACE as one HTML page.

    PLACE is a file of session records, or s3://bucket/prefix of them; a recording (a folder or a
    file), which is replayed with the worker's settings; or a worker's state, which holds the open
    sessions and those that closed within the last hours. Open the page in a browser; it needs
    neither a network nor other files. It contains SIDs, error messages and configuration, but no
    callers' numbers and no transcripts.

    \b
    Examples:
      voice-insights report calls/ -o report.html
      voice-insights report s3://my-bucket/sessions/dt=2026-10-02 -o report.html
      voice-insights report sessions.jsonl --redact --calls 50 -o for-others.html
    """
    if out is None and sys.stdout.isatty():
        raise Misconfigured("give -o FILE or -o -")
    wishes = {name: options.pop(name) for name in _WISHES}
    settings = load_settings(options, os.environ, config_file).settings
    read = read_places(places, settings)
    scope = ReportScope(
        TimeSpan(wishes["since"], wishes["until"]),
        wishes["calls"],
        wishes["title"],
        read.source,
        wishes["redact"],
        wishes["against"],
    )
    data = data_of(read.records, scope, read.counters)
    size = _write(out or _STDOUT, _text(data, as_json=wishes["as_json"]).encode())
    click.echo(f"{_span_of(data)}: {out or 'standard output'}, {size:,} bytes", err=True)


_WISHES: Final = ("since", "until", "calls", "title", "redact", "against", "as_json")


def html(data: Data) -> str:
    """Render the report."""
    return html_of(static_files(), INDEX, msgspec.json.encode(data.whole), data.calls)


def _text(data: Data, *, as_json: bool) -> str:
    if not as_json:
        return html(data)
    calls = b",".join(some[1:-1] for some in data.calls)
    whole = msgspec.json.encode(data.whole)
    return (whole[:-1] + b',"calls":[' + calls + b"]}\n").decode()


def _span_of(data: Data) -> str:
    fleet = data.whole["fleet"]
    if not data.sessions:
        return "0 sessions"
    first, last = fleet["start"], fleet["start"] + fleet["width"] * fleet["count"]
    return f"{data.sessions:,} sessions, {format_ms(first)[:16]} to {format_ms(last)[:16]} UTC"


def _write(out: str, data: bytes) -> int:
    try:
        if out == _STDOUT:
            sys.stdout.buffer.write(data)
        else:
            with open(out, "wb", opener=owner_only) as file:
                file.write(data)
    except BrokenPipeError:  # the reader has read enough
        raise
    except OSError as error:
        raise VoiceInsightsError(f"can't write {out}: {error.strerror}") from error
    return len(data)
