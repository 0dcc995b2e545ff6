"""``voice-insights simulate``: make realistic traffic, as a recording or into a stream."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final, TypeVar, get_args

import click

from worker.cli.kinesis import aws_options, kinesis_client
from worker.cli.parameters import (
    CompressionName,
    Duration,
    InstantParameter,
    Rate,
    compress_option,
    compression_of,
)
from worker.cli.progress import Progress, print_refused
from worker.producer.put_records import Clock, reingest
from worker.recordings.writer import RecordingWriter
from worker.testing.habits import Habits
from worker.testing.traffic import SimulatedPlatform, Traffic, shard_id
from worker.testing.traffic import simulated_records as simulated

_Command = TypeVar("_Command", bound=Callable[..., Any])
_DEFAULTS: Final = Traffic()
_HABITS: Final = tuple(field.name for field in fields(Habits))


def _habit_options(command: _Command) -> _Command:
    for field in reversed(fields(Habits)):
        option = click.option(
            f"--{field.name.replace('_', '-')}",
            type=click.FloatRange(0, min_open=True) if field.name == "turns" else Rate(),
            default=field.default,
            show_default=True,
            metavar="N" if field.name == "turns" else None,
            help=f"{field.metadata['help'].capitalize()}.",
        )
        command = option(command)
    return command


def _rate(name: str, default: float, text: str) -> Callable[[_Command], _Command]:
    return click.option(name, type=Rate(), default=default, show_default=True, help=text)


_EPILOG: Final = """\b
A rate is a number from 0 to 1; a duration is 90, 90s, 10m or 1.5h.
\b
Examples:
  # a recording of 200 sessions, the same one every time
  voice-insights simulate --sessions 200 --seed 7 --out calls
  # a hard case: everything twice, in any order, with damage
  voice-insights simulate --duplicates 1 --delay-median 20m --delay-sigma 1.5 \\
      --malformed 0.05 --aggregates 0.3 --out hard
  # two platforms on one stream
  voice-insights simulate --platform both --sessions 100 --out two
  # an hour of traffic into a stream, in real time
  voice-insights simulate --spread 1h --sessions 600 --into my-stream --speed 1
"""


@click.command("simulate", epilog=_EPILOG)
@click.option("--out", metavar="FOLDER", help="Write a recording into this folder.")
@click.option("--into", metavar="STREAM", help="Put the records into this Kinesis stream.")
@click.option(
    "--platform",
    type=click.Choice(get_args(SimulatedPlatform)),
    default="twilio",
    show_default=True,
    help="Whose calls: Twilio's, Pinecall's as the bridge puts them, or both in turn.",
)
@click.option(
    "--sessions",
    type=click.IntRange(min=0),
    default=_DEFAULTS.sessions,
    show_default=True,
    metavar="N",
    help="How many sessions to make.",
)
@click.option(
    "--shards",
    type=click.IntRange(1, 10_000),
    default=_DEFAULTS.shards,
    show_default=True,
    metavar="N",
    help="Shards of the recording. A stream has its own.",
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="Equal seeds and options make equal records.",
)
@click.option(
    "--start",
    type=InstantParameter(),
    help="The earliest start of a session.  [default: 2026-10-02T12:00:00Z]",
)
@click.option(
    "--spread",
    type=Duration(),
    default="10m",
    show_default=True,
    help="The time over which the sessions' starts are spread.",
)
@click.option(
    "--delay-median",
    type=Duration(),
    default="60s",
    show_default=True,
    help="Median of the events' lognormal delivery delay; 0 delivers them as they happen.",
)
@click.option(
    "--delay-sigma",
    type=click.FloatRange(0, 10),
    default=_DEFAULTS.delay_sigma,
    show_default=True,
    metavar="N",
    help="Spread of the delays: 0 none, 0.5 mostly between half and double. At most 4 h.",
)
@_rate("--stragglers", _DEFAULTS.stragglers, "Events that take between 5 min and 4 h to arrive.")
@_rate("--duplicates", _DEFAULTS.duplicates, "Events delivered again later, byte for byte.")
@_rate("--lost", _DEFAULTS.lost, "Events that never arrive.")
@_rate("--malformed", _DEFAULTS.malformed, "Unreadable records, per event, besides the events.")
@_rate("--other-types", _DEFAULTS.other_types, "Events of other types, per event.")
@_rate("--aggregates", _DEFAULTS.aggregates, "Events that come several in one record, by the KPL.")
@_habit_options
@compress_option
@aws_options
@click.option(
    "--speed",
    type=click.FloatRange(0),
    default=None,
    show_default="0",
    metavar="N",
    help="Into a stream: 1 is real time, 10 ten times as fast, 0 at full speed.",
)
@click.option(
    "--shift-to-now/--keep-times",
    default=None,
    help="Into a stream: move all times so that the last record arrives now, or keep them.  "
    "[default: move, unless --start is given]",
)
def simulate(
    out: str | None,
    into: str | None,
    compress: CompressionName,
    endpoint_url: str | None,
    region: str | None,
    speed: float | None,
    shift_to_now: bool | None,
    seed: int,
    **options: Any,
) -> None:
    """Make realistic ConversationRelay traffic, as Twilio's Event Streams puts it on Kinesis.

    Sessions have turns, barge-ins, coughs, tool delays, silences, errors and language changes.
    Their events arrive late, twice, never, damaged, or among other events, each at a rate that an
    option sets. Give either --out, for a recording that `voice-insights replay` reads, or --into,
    for a live stream.
    """
    if (out is None) == (into is None):
        raise click.UsageError("give either --out FOLDER or --into STREAM")
    if out is not None and speed is not None:
        raise click.UsageError("--speed goes with --into STREAM")
    if out is not None and shift_to_now is not None:
        given = "--shift-to-now" if shift_to_now else "--keep-times"
        raise click.UsageError(f"{given} goes with --into STREAM")
    moved = options["start"] is None if shift_to_now is None else shift_to_now
    traffic = _traffic(**options)
    if out is not None:
        _write(traffic, seed, out, compress)
    elif into is not None:
        done = reingest(
            lambda: simulated(traffic, seed),
            into,
            kinesis_client(endpoint_url, region),
            Clock(lambda: time.time_ns() // 1_000_000, time.sleep),
            speed=speed or 0.0,
            shift_to_now=moved,
            progress=Progress("put", time.monotonic),
            refused=print_refused,
        )
        click.echo(
            f"{done.put:,} records of {traffic.sessions:,} sessions put into {into}", err=True
        )
        sys.exit(1 if done.refused else 0)


def _traffic(*, start: int | None, spread: float, delay_median: float, **options: Any) -> Traffic:
    habits = Habits(**{name: options.pop(name) for name in _HABITS})
    return Traffic(
        start_ms=_DEFAULTS.start_ms if start is None else start,
        spread_s=spread,
        delay_median_s=delay_median,
        habits=habits,
        **options,
    )


def _write(traffic: Traffic, seed: int, folder: str, compress: CompressionName) -> None:
    progress = Progress("written", time.monotonic)
    count = 0
    with RecordingWriter(folder, compression_of(compress)) as writer:
        for index in range(traffic.shards):
            writer.begin(shard_id(index))
        for record in simulated(traffic, seed):
            writer.write(record)
            count += 1
            if count % 1000 == 0:
                progress(count)
    click.echo(f"{count:,} records of {traffic.sessions:,} sessions in {folder}", err=True)
