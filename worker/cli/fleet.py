"""``voice-insights fleet``: several tasks that share the work of one stream."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from time import sleep, time

import click

from worker.aws.sessions import open_session
from worker.cli.fleet_status import status
from worker.cli.settings_options import fleet_options, some_settings_options
from worker.errors import BadInput, Misconfigured
from worker.fleet.keyed_stream import make_keyed_stream, require_fit, stream_maker
from worker.fleet.layout import Layout
from worker.fleet.layout_store import create_layout, read_layout, require_layout
from worker.fleet.leases import read_leases, require_unleased
from worker.fleet.moving import WholeState
from worker.fleet.relocation import fleet_from, single_from
from worker.fleet.skipping import skip_to
from worker.fleet.streams import stream_identity
from worker.fleet.task import ROLES, Role
from worker.opening import Locations
from worker.printable import escaped_line
from worker.settings.model import Settings
from worker.settings.sources import Loaded, load_settings
from worker.sources.kinesis.client import open_stream
from worker.sources.kinesis.lineage import StreamDescription
from worker.sources.kinesis.reader import describe_stream

_PLACE = ("state", "region", "endpoint_url")
_INIT = ("stream", "start", "fleet_stream", "fleet_name", "fleet_buckets", *_PLACE)


@click.group()
def fleet() -> None:
    """Share the work of one stream between several tasks.

    One worker is enough for nearly everybody: it reads some 30,000 records a second on one core. A
    fleet is for more than that, and for those who want no single task to be the whole service; it
    takes 1.3 to 1.5 times the CPU. docs/fleet.md says when to use one and how.

    A fleet's tasks lease the shards of the stream, put each session's records into a second, keyed
    stream, and lease that one's shards, too. Sessions are divided into buckets, each with a state
    of its own below the setting `state`, which names a folder or s3://bucket/prefix.
    """


@fleet.command(short_help="Make a fleet, from nothing or from a worker's state.")
@click.option(
    "--from",
    "source",
    metavar="STATE",
    help="Move this state of a single worker into the fleet's buckets.",
)
@click.option(
    "--shards",
    type=click.IntRange(1, 500),
    metavar="NUMBER",
    help="Make the keyed stream, with so many shards, if there is none.",
)
@some_settings_options(*_INIT)
def init(
    source: str | None, shards: int | None, config_file: Path | None, **options: str | None
) -> None:
    """Write the layout of a fleet: its two streams, its number of buckets, where it begins.

    The layout is fixed for good. The command refuses a place that holds another fleet's, and does
    nothing where this one's is there already. A new fleet takes a name of its own: where the
    tables NAME-router and NAME-partitions have leases already, it is refused (dynamodb:Scan).

    With --from the state of a single worker goes into the buckets, exactly: open and closed
    sessions, how far each shard is read, the series, the counters and the ledger. Stop the worker
    first, once `voice-insights state show` says that no request waits. Its state can't be used
    afterwards; `fleet dissolve` is the way back. All of the state is in memory meanwhile.

    \b
    Examples:
      voice-insights fleet init --stream calls --fleet-stream calls-keyed --state s3://b/fleet
      voice-insights fleet init --config prod.toml --shards 4
      voice-insights fleet init --config prod.toml --from s3://b/state --state s3://b/fleet
    """
    loaded = load_settings(options, os.environ, config_file)
    settings, stream, keyed = loaded.settings, loaded.require_stream(), require_keyed(loaded)
    client = stream_maker(open_session(), settings.region, settings.endpoint_url)
    if shards is not None:
        make_keyed_stream(client, stream, keyed, shards)
    require_fit(client, stream, keyed)
    layout = _layout(settings, _described(settings, stream), _described(settings, keyed))
    locations = Locations(settings.region, settings.endpoint_url)
    if read_layout(locations, settings.state) is None:
        _require_unleased(settings)
    if source is not None:
        click.echo(_moved(fleet_from(locations, source, settings.state, layout), settings.state))
    elif create_layout(locations, settings.state, layout):
        click.echo(f"written: the layout of a fleet of {layout.buckets} buckets, {settings.state}")
    else:
        click.echo(f"{settings.state} is this fleet's already: nothing to do")


@fleet.command(short_help="Work as one task of a fleet.")
@click.option(
    "--role",
    type=click.Choice(["both", "router", "partitions"]),
    default="both",
    show_default=True,
    help="router reads the stream and fills the keyed one, partitions reads the keyed one.",
)
@click.option("--child", type=click.Choice(ROLES), hidden=True)
@fleet_options
def run(role: str, child: Role | None, config_file: Path | None, **options: str | None) -> None:
    """Work as one task of a fleet until stopped.

    Start as many tasks as you like with the same settings, up to the number of shards or buckets.
    They share both streams' shards by leases in two DynamoDB tables, NAME-router and
    NAME-partitions, which the first task makes. A task that dies is replaced by the others.

    --fleet-engine must be given: kcl-rs is light and quick, a native library of one publisher;
    daemon is AWS's own Java library, which needs Java. docs/fleet.md compares them.

    SIGTERM or Ctrl-C stops the task as it stops `voice-insights run`. The exit codes are the same.

    \b
    Examples:
      voice-insights fleet run --config prod.toml --fleet-engine kcl-rs
      voice-insights fleet run --config prod.toml --role router
    """
    from worker.cli.fleet_child import ChildOf
    from worker.cli.fleet_run import run_fleet  # the engine's library is needed only here

    served = None if child is None else ChildOf(child)
    loaded = load_settings(options, os.environ, config_file)
    loaded.require_stream()
    require_keyed(loaded)
    if loaded.settings.fleet_engine is None:
        raise Misconfigured(
            "fleet_engine is not set: give --fleet-engine kcl-rs or daemon, "
            "VOICE_INSIGHTS_FLEET_ENGINE, or fleet_engine in the settings file"
        )
    settings = loaded.settings
    if settings.fleet_engine == "daemon" and "-" in (settings.records, settings.dead_letters):
        raise Misconfigured("the engine daemon needs standard output: name places in a bucket")
    if served is not None:  # the port is the task's
        settings = settings.model_copy(update={"health_port": None})
    roles: Sequence[Role] = ROLES if role == "both" else (role,)  # type: ignore[assignment]
    run_fleet(settings, roles, served)


@fleet.command(short_help="Pass over records that a bucket has missed.", no_args_is_help=True)
@click.argument("bucket", type=click.IntRange(0))
@click.argument("shard")
@click.argument("after", metavar="SEQUENCE-NUMBER")
@some_settings_options(*_PLACE)
def skip(
    bucket: int, shard: str, after: str, config_file: Path | None, **options: str | None
) -> None:
    """Let BUCKET go on after SEQUENCE-NUMBER of the source's SHARD, without what lies before it.

    For a bucket that refuses its records, because some before them never came. The task's last log
    line says which bucket, shard and sequence number. What is passed over is lost to the metrics,
    and counted as a gap (InputGaps). The command acquires the bucket: a task that holds it ends
    with exit code 3, and its supervisor must start it again.

    \b
    Example:
      voice-insights fleet skip 7 shardId-000000000002 49660... --state s3://b/fleet
    """
    settings = load_settings(options, os.environ, config_file).settings
    locations = Locations(settings.region, settings.endpoint_url)
    layout = require_layout(locations, settings.state)
    before = skip_to(locations, settings.state, layout, bucket, shard, after)
    click.echo(f"bucket {bucket} goes on after {after} of {shard}; it was at {before}")


@fleet.command(short_help="Move a fleet's state into a single worker's.", no_args_is_help=True)
@click.option(
    "--into", "target", metavar="STATE", required=True, help="Where the single state is to be."
)
@some_settings_options(*_PLACE)
def dissolve(target: str, config_file: Path | None, **options: str | None) -> None:
    """Move the states of a fleet's buckets into one, for a single worker to go on with.

    The way back from `fleet init --from`, and as exact. All buckets must have read the stream to
    the same place, and have nothing to send: stop the routers (run the tasks with --role partitions
    only), wait until `fleet status` shows no requests and equal positions, then stop all tasks. The
    fleet's state can't be used afterwards.

    \b
    Example:
      voice-insights fleet dissolve --state s3://b/state/fleet --into s3://b/state/single
    """
    settings = load_settings(options, os.environ, config_file).settings
    locations = Locations(settings.region, settings.endpoint_url)
    click.echo(_moved(single_from(locations, settings.state, target), target))


fleet.add_command(status)


def require_keyed(loaded: Loaded) -> str:
    """The keyed stream's name or ARN. Raises ``Misconfigured`` if it is not set."""
    if loaded.settings.fleet_stream is None:
        raise Misconfigured(
            "fleet_stream is not set: give --fleet-stream, VOICE_INSIGHTS_FLEET_STREAM, or "
            "fleet_stream in the settings file"
        )
    return loaded.settings.fleet_stream


def _require_unleased(settings: Settings) -> None:
    where = settings.region, settings.endpoint_url
    tables = read_leases(open_session(), settings.fleet_name, *where)
    require_unleased(tables)
    for table in tables:
        if table.problem:
            text = f"{table.name}: not known whether it has leases already: {table.problem}"
            click.echo(escaped_line(text), err=True)


def _described(settings: Settings, stream: str) -> StreamDescription:
    api = open_stream(
        stream,
        open_session(),
        region=settings.region,
        endpoint=settings.endpoint_url,
        threads=1,
        now=(lambda: int(time() * 1000)) if settings.idle_clock == "agreed" else None,
    )
    return describe_stream(api, sleep)


def _layout(settings: Settings, source: StreamDescription, keyed: StreamDescription) -> Layout:
    start = settings.start
    if start == "latest":
        if source.server_date is None:
            raise BadInput(f"start latest needs to know the time: {source.doubt}")
        start = source.server_date
    return Layout(
        source=stream_identity(source),
        keyed=stream_identity(keyed),
        buckets=settings.fleet_buckets,
        start=start,
    )


def _moved(state: WholeState, place: str) -> str:
    resident, closed = len(state.whole.sessions), len(state.evicted)
    return (
        f"moved to {place}: {resident:,} sessions in memory, {closed:,} closed ones, "
        f"{len(state.notes):,} notes of the ledger"
    )
