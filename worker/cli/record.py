"""``voice-insights record``: record a live stream."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import click

from worker.aws.sessions import open_session
from worker.cli.kinesis import aws_options
from worker.cli.parameters import CompressionName, Duration, compress_option, compression_of
from worker.cli.progress import Progress
from worker.cli.settings_options import completions_of, metavar_of
from worker.cli.signals import Stopped
from worker.errors import Misconfigured, Unreachable, VoiceInsightsError
from worker.printable import escaped_line
from worker.recordings.writer import RecordingWriter
from worker.sources.kinesis.api import KinesisApi, StreamFailureKind
from worker.sources.kinesis.client import open_stream
from worker.sources.kinesis.closed_shards import ClosedShardsEnd
from worker.sources.kinesis.lineage import StreamDescription, children_of, first_positions
from worker.sources.kinesis.reader import THREADS, Reader, describe_stream
from worker.sources.kinesis.reader_events import BackedOff, ReaderEvent
from worker.sources.kinesis.scheduler import ShardView
from worker.sources.kinesis.shard_consumer import ShardStage
from worker.stream.position import Position, Start
from worker.times.rfc3339 import parse_ms

_LOOK_EVERY_S: Final = 0.2
_DENIED_ATTEMPTS: Final = 3
"""After the first one, expired credentials are looked up again."""

_ATTEMPTS: Final = 8
"""Consecutive failed calls of one shard after which the stream counts as unreachable."""


class StartPosition(click.ParamType[Start]):
    """``trim_horizon``, ``latest`` or a time in ISO 8601."""

    name = "place"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Start:
        """Parse the position to begin reading at."""
        word = str(value).strip()
        if word.lower() == "trim_horizon":
            return "trim_horizon"
        if word.lower() == "latest":
            return "latest"
        instant = parse_ms(word)
        if instant is None:
            self.fail(
                f"{word!r}: takes trim_horizon, latest or a time like 2026-10-02T12:00:00Z",
                param,
                ctx,
            )
        return instant


_EPILOG = """\b
Examples:
  # everything that the stream still holds
  voice-insights record my-stream --out calls --until-tip
  # ten minutes from now on
  voice-insights record my-stream --out calls --from latest --seconds 600
  # since this morning, until Ctrl-C
  voice-insights record my-stream --out calls --from 2026-10-02T06:00:00Z
"""


@click.command("record", epilog=_EPILOG)
@click.argument("stream")
@click.option(
    "--out", required=True, metavar="FOLDER", help="The recording's folder, which must be new."
)
@click.option(
    "--from",
    "start",
    type=StartPosition(),
    default="trim_horizon",
    show_default=True,
    metavar=metavar_of("start"),
    shell_complete=completions_of("start"),
    help="Where to begin: trim_horizon, latest (now), or a time like 2026-10-02T12:00:00Z.",
)
@click.option("--until-tip", is_flag=True, help="End once every shard is read up to its tip.")
@click.option("--seconds", type=Duration(), metavar="DURATION", help="End after this time.")
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
    """Record a live STREAM (name or ARN) into a folder, one file per shard.

    Records are written unchanged; aggregated records stay aggregated. Other readers of the stream
    are not disturbed, but share its read limits. Recording ends at Ctrl-C, with complete files,
    or as --until-tip or --seconds say. `voice-insights replay` reads the recording.
    """
    kinesis = open_stream(
        stream,
        open_session(),
        region=region,
        endpoint=endpoint_url,
        threads=THREADS,
        now=lambda: time.time_ns() // 1_000_000,
    )
    api = ClosedShardsEnd(kinesis)
    stop = _Stop(None if seconds is None else time.monotonic() + seconds)
    count = 0
    with stop.by_signal(), RecordingWriter(out, compression_of(compress)) as writer:
        click.echo(f"recording {stream} into {out}; Ctrl-C ends it", err=True)
        progress = Progress("read", time.monotonic)
        with suppress(Stopped):
            for written in _recorded(api, start, writer, stop, until_tip=until_tip):
                count += written
                progress(count)
    click.echo(f"{count:,} records in {out}", err=True)


def _recorded(
    api: KinesisApi, start: Start, writer: RecordingWriter, stop: _Stop, *, until_tip: bool
) -> Iterator[int]:
    """Write the stream's records into one file per shard; yield the number of each batch.

    Raises ``Misconfigured``, ``Unreachable`` and ``StreamReplaced``.
    """
    description = describe_stream(api, stop.sleep)
    ends: deque[VoiceInsightsError] = deque()

    def observe(reader_event: ReaderEvent) -> None:
        if (error := final_failure(reader_event)) is not None:
            ends.append(error)

    reader = Reader(api, positions(description, start), description.created, observe)
    reader.start()
    try:
        while (left_s := stop.left_s()) > 0:
            batches = reader.poll(min(left_s, _LOOK_EVERY_S))
            for batch in batches:
                if batch.gap:
                    gap = f"{batch.shard}: gap: the stream dropped records before they were read"
                    click.echo(escaped_line(gap), err=True)
                for one in batch.records:
                    writer.write(one)
            views = reader.shards()
            for view in views:
                if view.stage not in (ShardStage.WAITING, ShardStage.ENDED):
                    writer.begin(view.shard)
            yield sum(len(batch.records) for batch in batches)
            if ends:
                raise ends[0]
            if until_tip and at_tip(views):
                return
    finally:
        reader.stop()


def positions(description: StreamDescription, start: Start) -> dict[str, Position]:
    """The first position of each shard; from ``latest``, a shard with children is at its end."""
    found = first_positions(description, start)
    if start == "latest":
        for name in found:
            if children_of(name, description.shards):
                found[name] = Position("ended", "", found[name].seen_to)
    return found


def at_tip(views: Iterable[ShardView]) -> bool:
    """Whether every shard's records have been handed over, up to its tip or its end.

    A stream always has shards: an emulator under load has listed none.
    """
    done = [
        not view.undelivered
        and (
            view.stage is ShardStage.ENDED
            or (view.stage is ShardStage.READING and view.millis_behind == 0)
        )
        for view in views
    ]
    return bool(done) and all(done)


def final_failure(reader_event: ReaderEvent) -> VoiceInsightsError | None:
    """The error to end the recording with, if a retry can't help or retries failed too often."""
    if not isinstance(reader_event, BackedOff):
        return None
    kind, detail = reader_event.failure
    denied = kind is StreamFailureKind.DENIED and reader_event.attempt >= _DENIED_ATTEMPTS
    if denied or (kind is StreamFailureKind.GONE and not reader_event.shard):
        return Misconfigured(f"the stream can't be read: {detail}")
    if kind is StreamFailureKind.UNAVAILABLE and reader_event.attempt >= _ATTEMPTS:
        return Unreachable(f"the stream can't be reached: {detail}")
    return None


class _Stop:
    """The end of a recording: a deadline (``time.monotonic``), or a signal."""

    def __init__(self, deadline_s: float | None) -> None:
        self._deadline_s = float("inf") if deadline_s is None else deadline_s
        self._asked = False  # no Event: a handler interrupts any line and must not wait for a lock

    def left_s(self) -> float:
        """Seconds until the end; 0 or less once it has come."""
        return 0.0 if self._asked else self._deadline_s - time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep. Raises ``Stopped`` when the end comes."""
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0 and self.left_s() > 0:
            time.sleep(min(left_s, self.left_s(), _LOOK_EVERY_S))
        if self.left_s() <= 0:
            raise Stopped

    @contextmanager
    def by_signal(self) -> Iterator[None]:
        """End at Ctrl-C or SIGTERM with complete files, and at a second signal immediately."""
        handled = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self._end) for number in handled]
        try:
            yield
        finally:
            for number, handler in zip(handled, before, strict=True):
                signal.signal(number, handler)

    def _end(self, *_: object) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
