"""``voice-insights record``: a live stream into a recording."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from worker.aws.errors import aws_errors
from worker.cli.kinesis import aws_options, kinesis_client
from worker.cli.parameters import CompressionName, Duration, compress_option, compression_of
from worker.cli.progress import Progress
from worker.cli.recorder import Recorder, Start, Timer
from worker.recordings.writer import RecordingWriter
from worker.times.rfc3339 import parse_ms


class Place(click.ParamType[Start]):
    """``trim_horizon``, ``latest`` or a time in ISO 8601."""

    name = "place"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Start:
        """Where to begin to read."""
        word = str(value).strip()
        if word.lower() == "trim_horizon":
            return Start("TRIM_HORIZON")
        if word.lower() == "latest":
            return Start("LATEST", time.time_ns() // 1_000_000)
        instant = parse_ms(word)
        if instant is None:
            self.fail(
                f"{word!r}: takes trim_horizon, latest or a time like 2026-10-02T12:00:00Z",
                param,
                ctx,
            )
        return Start("AT_TIMESTAMP", instant)


_EPILOG = """\b
Examples:
  # all that the stream still holds
  voice-insights record my-stream --out calls --until-tip
  # ten minutes from now on
  voice-insights record my-stream --out calls --from latest --seconds 600
  # since this morning, until Ctrl-C
  voice-insights record my-stream --out calls --from 2026-10-02T06:00:00Z
"""


@click.command("record", epilog=_EPILOG)
@click.argument("stream")
@click.option("--out", required=True, metavar="FOLDER", help="The recording's folder, a new one.")
@click.option(
    "--from",
    "start",
    type=Place(),
    default="trim_horizon",
    show_default=True,
    help="Where to begin: trim_horizon, latest, or a time like 2026-10-02T12:00:00Z.",
)
@click.option("--until-tip", is_flag=True, help="End when every shard is read up to its tip.")
@click.option("--seconds", type=Duration(), metavar="DURATION", help="End after so long.")
@compress_option
@aws_options
def record(
    stream: str,
    out: str,
    start: Start,
    until_tip: bool,
    seconds: float | None,
    compress: CompressionName,
    endpoint_url: str | None,
    region: str | None,
) -> None:
    """Write the records of a live STREAM (name or ARN) into a folder, one file a shard.

    Records are written as they are, aggregates unopened, and other readers of the stream are not
    disturbed but for the read limits they share. Ends by Ctrl-C, with complete files, unless it
    is told when. `voice-insights replay` reads what it wrote.
    """
    client = kinesis_client(endpoint_url, region)
    stop = threading.Event()
    timer = Timer(time.monotonic, stop.wait, stop.is_set)
    with (
        _ending_by_signal(stop),
        RecordingWriter(out, compression_of(compress)) as writer,
        aws_errors(stream),
    ):
        click.echo(f"recording {stream} into {out}; Ctrl-C ends it", err=True)
        recorder = Recorder(client, stream, start, writer, timer)
        count = recorder.run(
            until_tip=until_tip, seconds=seconds, progress=Progress("read", time.monotonic)
        )
    click.echo(f"{count:,} records in {out}", err=True)


@contextmanager
def _ending_by_signal(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the reading after the request under way, a second one at once."""

    def end(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    handled = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, end) for number in handled]
    try:
        yield
    finally:
        for number, handler in zip(handled, before, strict=True):
            signal.signal(number, handler)
