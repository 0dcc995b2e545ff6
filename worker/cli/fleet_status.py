"""``voice-insights fleet status``: the buckets of a fleet, and who leases what."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import Any, Final

import click

from worker.aws.sessions import open_session
from worker.cli.settings_options import some_settings_options
from worker.fleet.layout import Layout
from worker.fleet.layout_store import require_layout
from worker.fleet.leases import Lease, read_leases
from worker.objectstore.parallel import each
from worker.opening import Locations
from worker.printable import escaped_line
from worker.settings.sources import load_settings
from worker.state.view import StateContents
from worker.stream.position import Position
from worker.times.rfc3339 import format_ms

_THREADS: Final = 4


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@some_settings_options("state", "fleet_name", "region", "endpoint_url")
def status(as_json: bool, config_file: Path | None, **options: str | None) -> None:
    """Show each bucket's owner, stream time and backlog, and the leases of both streams' shards.

    The buckets come from their stored states, the leases from the tables NAME-router and
    NAME-partitions (dynamodb:Scan). Nothing is changed, and the tasks aren't disturbed. The commit
    of a running task may be newer than what is shown.

    \b
    Examples:
      voice-insights fleet status --state s3://b/fleet
      voice-insights fleet status --config prod.toml --json
    """
    settings = load_settings(options, os.environ, config_file).settings
    locations = Locations(settings.region, settings.endpoint_url)
    layout = require_layout(locations, settings.state)
    found = contents_of(locations, settings.state, layout)
    where = settings.region, settings.endpoint_url
    tables = read_leases(open_session(), settings.fleet_name, *where)
    leases = sorted(lease for table in tables for lease in table.leases)
    if as_json:
        click.echo(json.dumps(_fields(layout, found, leases), indent=2))
        return
    now = int(time() * 1000)
    for line in _lines(settings.state, layout, found, leases, now):
        click.echo(escaped_line(line))
    for table in tables:
        if table.problem:
            click.echo(escaped_line(f"{table.name}: not known: {table.problem}"), err=True)


def contents_of(locations: Locations, state: str, layout: Layout) -> list[StateContents | None]:
    """The contents of each bucket's state; None for one that was never acquired."""

    def read(bucket: int) -> StateContents | None:
        location = layout.location(state, bucket)
        return locations.view(location).contents() if locations.has_state(location) else None

    return each(read, range(layout.buckets), _THREADS)


def _lines(
    state: str,
    layout: Layout,
    found: list[StateContents | None],
    leases: list[Lease],
    now: int,
) -> Iterator[str]:
    yield f"fleet         {state}, {layout.buckets} buckets"
    yield f"  source      {layout.source}"
    yield f"  keyed       {layout.keyed}"
    for bucket, one in enumerate(found):
        yield f"  bucket {bucket:>3}  {'not acquired yet' if one is None else _bucket(one, now)}"
    for shard, span in sorted(_spans(found).items()):
        yield f"  shard       {shard}: {span}"
    for lease in leases:
        yield f"  {lease.role:<11} {lease.shard}: {lease.owner or 'nobody'}"


def _bucket(one: StateContents, now: int) -> str:
    stream_time = one.whole.stream_time
    behind = "no stream time yet" if stream_time is None else f"{(now - stream_time) / 1000:,.1f} s"
    waiting = sum(entry.entries for entry in one.waiting)
    return (
        f"owner {one.epoch}, stream time {behind} ago, {len(one.whole.sessions):,} sessions in "
        f"memory, {one.closed_sessions:,} closed, {waiting:,} requests wait"
    )


def _spans(found: list[StateContents | None]) -> dict[str, str]:
    """How far the buckets have read each shard of the source, and whether equally far."""
    read: dict[str, list[Position]] = {}
    for one in found:
        for shard, at in ({} if one is None else one.whole.positions).items():
            if not at.is_carrier:
                read.setdefault(shard, []).append(at)
    return {shard: _span(positions, found) for shard, positions in read.items()}


def _span(positions: list[Position], found: list[StateContents | None]) -> str:
    """A shard that was read to its end may have left the stream, and the positions of some."""
    seen = [at.seen_to for at in positions]
    by_all = len(positions) == len(found)
    left = None not in found and all(at.ended for at in positions)
    if len({(at.kind, at.value) for at in positions}) == 1 and (by_all or left):
        return f"read to {format_ms(min(seen))}, equally far by all buckets"
    some = "" if by_all else f", by {len(positions)} of {len(found)} buckets"
    return f"read to {format_ms(min(seen))} at least, to {format_ms(max(seen))} at most{some}"


def _fields(
    layout: Layout, found: list[StateContents | None], leases: list[Lease]
) -> dict[str, Any]:
    return {
        "source": layout.source,
        "keyed": layout.keyed,
        "buckets": [
            None
            if one is None
            else {
                "bucket": bucket,
                "owner": one.epoch,
                "stream_time": None
                if one.whole.stream_time is None
                else format_ms(one.whole.stream_time),
                "sessions_in_memory": len(one.whole.sessions),
                "sessions_closed": one.closed_sessions,
                "requests_waiting": sum(entry.entries for entry in one.waiting),
                "shards": {
                    shard: {"position": at.kind, "read_to": format_ms(at.seen_to)}
                    for shard, at in sorted(one.whole.positions.items())
                    if not at.is_carrier
                },
            }
            for bucket, one in enumerate(found)
        ],
        "leases": [lease._asdict() for lease in leases],
    }
