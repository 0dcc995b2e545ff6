"""``voice-insights state``: show or copy the worker's state."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import click

from worker.cli.settings_options import some_settings_options
from worker.fleet.layout_store import bucket_views, read_layout
from worker.opening import Locations
from worker.settings.sources import load_settings
from worker.state.view import StateContents
from worker.times.rfc3339 import format_ms


@click.group()
def state() -> None:
    """Show or copy the worker's state.

    Both commands only read it, and the worker may be running.
    """


@state.command(short_help="Show what a state holds.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@some_settings_options("state", "region", "endpoint_url")
def show(as_json: bool, config_file: Path | None, **options: str | None) -> None:
    """Show the state's stream, how far each shard is read, the number of sessions, the requests
    waiting to be sent, and the counters. Of a fleet the state of each bucket is shown, and with
    --json a list of them is printed.

    \b
    Examples:
      voice-insights state show
      voice-insights state show --state s3://my-bucket/state --json
    """
    settings = load_settings(options, os.environ, config_file).settings
    locations = Locations(settings.region, settings.endpoint_url)
    views = bucket_views(locations, settings.state)
    if as_json:
        states = [_fields(view.location, view.contents()) for view in views]
        whole = states if read_layout(locations, settings.state) else states[0]
        click.echo(json.dumps(whole, indent=2))
        return
    for view in views:
        lines = _lines(view.location, view.contents())
        click.echo("\n".join(f"{name:<12} {value}" for name, value in lines))


@state.command(short_help="Copy a state as a whole.", no_args_is_help=True)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option(
    "--without-wal",
    is_flag=True,
    help="Copy a file whose -wal is lost for good. The copy lacks the commits since the file's "
    "last checkpoint; their events will be counted a second time.",
)
@some_settings_options("region", "endpoint_url")
def copy(
    source: str, target: str, without_wal: bool, config_file: Path | None, **options: str | None
) -> None:
    """Copy the state FROM to TO: a file to a file, or s3://bucket/prefix to another.

    The copy is a consistent snapshot, and the worker may be running. A file is copied by SQLite's
    own backup, including the -wal beside it. TO must not exist.

    To move a state, stop the worker first, then start it with the copy. Never run two workers
    with copies of one state: both would count every event from then on.

    \b
    Examples:
      voice-insights state copy voice-insights.sqlite /backup/voice-insights.sqlite
      voice-insights state copy s3://my-bucket/state s3://another-bucket/state
    """
    settings = load_settings(options, os.environ, config_file).settings
    locations = Locations(settings.region, settings.endpoint_url)
    locations.copy_state(source, target, without_wal=without_wal)
    found = locations.view(target).contents()
    click.echo(f"{target}: {found.commits:,} commits of {found.stream or 'no stream yet'}")


def _lines(location: str, found: StateContents) -> Iterator[tuple[str, str]]:
    whole = found.whole
    yield "state", f"{location}, {found.size:,} bytes"
    if not found.is_whole:
        yield "", "INCOMPLETE: its latest commits were in a -wal that isn't beside it"
    yield "stream", found.stream or "none yet: no worker has acquired it"
    yield "taken", f"{found.epoch:,} times; {found.commits:,} commits"
    stream_time = whole.stream_time
    yield "stream time", "none yet" if stream_time is None else format_ms(stream_time)
    for shard, position in sorted(whole.positions.items()):
        yield "shard", f"{shard}: {position.kind}, read to {format_ms(position.seen_to)}"
    yield (
        "sessions",
        f"{len(whole.sessions):,} in memory, {found.closed_sessions:,} closed and kept",
    )
    for one in found.waiting:
        yield (
            "waiting",
            f"{one.kind}: {one.entries:,} requests, {one.size:,} bytes, the oldest of "
            f"{format_ms(one.oldest)}",
        )
    for name, count in sorted(whole.counters.items()):
        yield "counter", f"{name} {count:,}"


def _fields(location: str, found: StateContents) -> dict[str, object]:
    whole = found.whole
    return {
        "location": location,
        "size": found.size,
        "whole": found.is_whole,
        "stream": found.stream,
        "epoch": found.epoch,
        "commits": found.commits,
        "stream_time": None if whole.stream_time is None else format_ms(whole.stream_time),
        "shards": {
            shard: {"position": position.kind, "read_to": format_ms(position.seen_to)}
            for shard, position in sorted(whole.positions.items())
        },
        "sessions_in_memory": len(whole.sessions),
        "sessions_closed": found.closed_sessions,
        "waiting": [one._asdict() | {"oldest": format_ms(one.oldest)} for one in found.waiting],
        "counters": dict(sorted(whole.counters.items())),
    }
