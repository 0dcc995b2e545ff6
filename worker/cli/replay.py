"""``voice-insights replay``: run a recording through the core, or put it back into a stream."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any, Final

import click
from click.core import ParameterSource

from worker.cli.kinesis import aws_options, kinesis_client
from worker.cli.progress import Progress, print_refused
from worker.cli.replay_files import Paths, ReplayFiles
from worker.cli.settings_options import CONFIG_HELP
from worker.errors import BadInput, Misconfigured, VoiceInsightsError
from worker.producer.put_records import Clock, reingest
from worker.recordings.reader import read_recording
from worker.replay import LiveReplay, Replay, run_replay
from worker.settings.rules import rules_of
from worker.settings.sources import load_settings

_PROGRESS_EVERY: Final = 10_000
_OFFLINE: Final = ("sessions", "metrics", "dead_letters", "counters", "as_live", "config")
_PUT_BACK: Final = ("speed", "shift_to_now", "endpoint_url", "region")


@click.command(no_args_is_help=True)
@click.argument("path")
@click.option("--sessions", metavar="FILE", help="Write the session records, one per line.")
@click.option(
    "--metrics", metavar="FILE", help="Write the metric datums that CloudWatch would get."
)
@click.option("--dead-letters", metavar="FILE", help="Write the dead letters, with reasons.")
@click.option("--counters", metavar="FILE", help="Write the run's counters as one JSON object.")
@click.option(
    "--as-live",
    is_flag=True,
    help="Publish when the live worker would have, by the recording's arrival times: with late "
    "events, revisions and retracted samples.",
)
@click.option("--config", metavar="FILE", type=click.Path(path_type=Path), help=CONFIG_HELP)
@click.option("--into", metavar="STREAM", help="Put the records back into a Kinesis stream.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    help="With --into: 1 is as recorded, 10 ten times as fast, 0 at full speed.  [default: 0]",
)
@click.option("--shift-to-now", is_flag=True, help="With --into: move the events' times to now.")
@aws_options
def replay(path: str, into: str | None, **options: Any) -> None:
    """Run the recording at PATH through the worker's core.

    PATH is a folder with one file per shard (NAME.jsonl, .jsonl.zst or .jsonl.gz; a line is a
    record as GetRecords gives it), one such file, or - for standard input. FILE may be - for
    standard output.

    Without --into nothing is sent anywhere. At the end of the input all sessions close and all
    minutes are published into the files that you name; the result does not depend on the order,
    the repetition or the sharding of the records. The settings that shape metrics (namespace,
    dimensions, labels, holds) apply as in the worker.

    With --into, a record that the stream refuses, for example because it is too large, is named
    and left out, and the exit code is then 1.

    \b
    Examples:
      voice-insights replay shards/ --sessions s.jsonl --metrics m.jsonl
      voice-insights replay shards/ --as-live --counters -
      voice-insights replay shards/ --into my-stream --speed 10 --shift-to-now
    """
    _refuse(_OFFLINE if into else _PUT_BACK, "can't go with" if into else "needs")
    if into:
        _put_back(path, into, **{name: options[name] for name in _PUT_BACK})
    else:
        _replay(path, options.pop("config"), options.pop("as_live"), options)


def _refuse(names: tuple[str, ...], why: str) -> None:
    """Refuse options that were given on the command line; the environment may hold any of the
    worker's settings.
    """
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise Misconfigured(f"--{name.replace('_', '-')} {why} --into")


def _replay(path: str, config: Path | None, as_live: bool, options: dict[str, Any]) -> None:
    settings = load_settings({}, os.environ, config).settings
    items = read_recording(path)
    paths = Paths(**{name: options[name] for name in Paths._fields})
    with _full_disks_reported(), ReplayFiles(settings.namespace, paths, path) as files:
        replay = (LiveReplay if as_live else Replay)(rules_of(settings), files.take)
        run_replay(items, replay, Progress("replayed", monotonic), _PROGRESS_EVERY)
        files.finish(replay.counters)
    click.echo(_summary(replay.counters), err=True)
    if 0 < replay.counters["occurrences"] == replay.counters["dead_letters"]:
        kept = paths.dead_letters or "FILE, written by --dead-letters FILE"
        raise BadInput(f"{path}: no record in it can be read; see `dead-letters list {kept}`")


@contextmanager
def _full_disks_reported() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # the reader has read enough
        raise
    except OSError as error:
        raise VoiceInsightsError(f"can't write the results: {error.strerror}") from error


def _summary(counters: Mapping[str, int]) -> str:
    shown = (
        ("occurrences", "occurrences"),
        ("events", "events"),
        ("duplicates", "of them duplicates"),
        ("ignored", "of other types"),
        ("test_events", "test events"),
        ("dead_letters", "dead letters"),
        ("sessions_closed", "sessions"),
        ("sessions_revised", "revisions"),
        ("samples_retracted", "samples retracted"),
    )
    counted = ((counters.get(name, 0), text) for name, text in shown)
    return ", ".join(
        f"{count:,} {text}" for count, text in counted if count or text == "occurrences"
    )


def _put_back(
    path: str,
    stream: str,
    *,
    speed: float | None,
    shift_to_now: bool,
    endpoint_url: str | None,
    region: str | None,
) -> None:
    done = reingest(
        lambda: read_recording(path),
        stream,
        kinesis_client(endpoint_url, region),
        Clock(lambda: int(time() * 1000), sleep),
        speed=speed or 0.0,
        shift_to_now=shift_to_now,
        progress=Progress("put", monotonic),
        refused=print_refused,
    )
    damaged = f", {done.damaged:,} damaged lines left out" if done.damaged else ""
    refused = f", {done.refused:,} refused records left out" if done.refused else ""
    click.echo(f"{done.put:,} records put into {stream}{damaged}{refused}", err=True)
    sys.exit(1 if done.refused else 0)
