"""``voice-insights twilio events``: read calls back, into a recording or a stream."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import random
from tempfile import TemporaryDirectory
from time import monotonic, sleep, time
from typing import Final

import click

from worker.cli.kinesis import aws_options, kinesis_client
from worker.cli.parameters import (
    CompressionName,
    Duration,
    InstantParameter,
    compress_option,
    compression_of,
)
from worker.cli.progress import Progress
from worker.cli.settings_options import CONFIG_HELP
from worker.cli.twilio_rest import Bases, address_option, connected
from worker.errors import BadInput, Misconfigured
from worker.producer.put_records import Clock, reingest
from worker.recordings.reader import read_recording
from worker.settings.sources import load_settings
from worker.times.rfc3339 import format_ms
from worker.twilio.backfill import (
    ANY_EDGE,
    KEPT_DAYS,
    WaitingCall,
    calls_between,
    is_call_sid,
    read_back,
)
from worker.twilio.journal import Journal, JournalledRequest
from worker.twilio.report_rows import Contents
from worker.twilio.rest import Rest

_KEPT_MS: Final = KEPT_DAYS * 86_400_000
_MARGIN_S: Final = 3600
_SHOWN: Final = 5
_EDGES: Final = ("carrier_edge", "client_edge", "sip_edge", "sdk_edge", "unknown_edge", ANY_EDGE)


@click.command("events", short_help="Read the events of calls back.", no_args_is_help=True)
@click.argument("calls", nargs=-1, metavar="[CALL_SID]...")
@click.option(
    "--from", "since", type=InstantParameter(), help="All calls that began at or after this time."
)
@click.option(
    "--to", "until", type=InstantParameter(), help="... and before this time.  [default: now]"
)
@click.option("-o", "--out", metavar="RECORDING", help="Write a recording into this folder.")
@click.option("--into", metavar="STREAM", help="Put the events into a stream; recent calls only.")
@click.option(
    "--wait",
    type=Duration(),
    default="15m",
    show_default=True,
    help="How long to wait for calls whose events Twilio doesn't have ready yet.",
)
@click.option(
    "--allow-missing", is_flag=True, help="Finish without the calls whose events don't come."
)
@click.option(
    "--edge",
    type=click.Choice(_EDGES),
    default="carrier_edge",
    show_default=True,
    help="The edge whose events to read; ConversationRelay's are on the carrier edge.",
)
@click.option("--config", metavar="FILE", type=click.Path(path_type=Path), help=CONFIG_HELP)
@compress_option
@address_option("insights")
@aws_options
def events(
    calls: tuple[str, ...],
    since: int | None,
    until: int | None,
    out: str | None,
    into: str | None,
    wait: float,
    allow_missing: bool,
    edge: str,
    config: Path | None,
    compress: CompressionName,
    insights_url: str,
    endpoint_url: str | None,
    region: str | None,
) -> None:
    """Read the events of calls back from Twilio, as Event Streams sends them.

    Reads the events of the calls named, or of all calls that began in a span of time. Twilio keeps
    them for 30 days. To the worker, an event that is read back is the same as the one that came
    through the stream: a call that it has in part is completed, and nothing is counted twice.

    With -o the events go into a recording, which `voice-insights replay` turns into records and
    metrics. Repeat an interrupted command to resume it.

    With --into the events go into a stream, for the running worker. A call is accepted only while
    its first event is younger than the setting expire_after_s (6 h), less an hour for safety.

    \b
    Examples:
      voice-insights twilio events CA… CA… -o calls
      voice-insights twilio events --from 2026-10-02T00:00:00Z --to 2026-10-03T00:00:00Z -o day
      voice-insights twilio events CA… --into my-stream
    """
    now = int(time() * 1000)
    _check(calls, since, until, now)
    if (out is None) == (into is None):
        raise click.UsageError("give either -o RECORDING or --into STREAM")
    request = JournalledRequest(sorted(set(calls)), since, until, edge)
    settings = load_settings({}, os.environ, config).settings if into else None
    with (
        _folder(out) as folder,
        connected(Bases(insights=insights_url), region, endpoint_url) as twilio,
    ):
        journal = Journal(folder, request)
        waiting = WaitingCall(wait, sleep, random)
        found = _fetch(twilio.insights, journal, request, now, waiting, allow_missing)
        if settings is None:
            count = journal.finish(compression_of(compress))
            click.echo(f"{_summary(found, count)} in {out}", err=True)
        elif into is not None:
            _refuse_expired(journal.oldest(), settings.expire_after_s)
            journal.finish(None)
            _put(folder, into, endpoint_url, region, found)


def _check(calls: Sequence[str], since: int | None, until: int | None, now: int) -> None:
    if bool(calls) == (since is not None):
        raise click.UsageError("give either the SIDs of calls, or --from and perhaps --to")
    for call_sid in calls:
        if not is_call_sid(call_sid):
            raise click.UsageError(
                f"{call_sid!r} is not a call's SID: CA and 32 hexadecimal digits"
            )
    if since is None:
        if until is not None:
            raise click.UsageError("--to goes with --from")
        return
    if since < now - _KEPT_MS:
        raise BadInput(
            f"Twilio keeps events for {KEPT_DAYS} days: --from can't lie before "
            f"{format_ms(now - _KEPT_MS)}"
        )
    if since >= (now if until is None else until):
        raise BadInput("the span from --from to --to is empty")


@contextmanager
def _folder(out: str | None) -> Iterator[Path]:
    if out is not None:
        yield Path(out)
        return
    with TemporaryDirectory(prefix="voice-insights-") as folder:
        yield Path(folder)


def _fetch(
    insights: Rest,
    journal: Journal,
    request: JournalledRequest,
    now: int,
    waiting: WaitingCall,
    allow_missing: bool,
) -> Contents:
    """Read all requested events into the journal, and return its contents."""
    if journal.calls is None:
        calls = request.calls
        if request.since is not None:
            calls = calls_between(insights, request.since, request.until or now)
        journal.plan(calls)
    progress = Progress("read", monotonic, noun="calls")
    missing = read_back(insights, journal, request.edge, waiting, progress)
    if missing and not allow_missing:
        shown = ", ".join(missing[:_SHOWN])
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise BadInput(
            f"Twilio has no events of {shown}{more}: not ready after {waiting.longest_s:g} s of "
            f"waiting, older than {KEPT_DAYS} days, of another account, or without Advanced "
            "Features; the events read so far are kept: repeat the command, or add "
            "--allow-missing"
        )
    return journal.contents()


def _refuse_expired(oldest: int | None, expire_after_s: int) -> None:
    if oldest is None:
        return
    limit_ms = max(0, expire_after_s - _MARGIN_S) * 1000
    if oldest < int(time() * 1000) - limit_ms:
        raise Misconfigured(
            f"the worker would no longer accept these calls: they begin at {format_ms(oldest)}, "
            f"longer ago than expire_after_s less an hour ({limit_ms / 3_600_000:g} h); read them "
            "into a recording (-o) and run `voice-insights replay` on it"
        )


def _put(
    folder: Path, stream: str, endpoint_url: str | None, region: str | None, found: Contents
) -> None:
    done = reingest(
        lambda: read_recording(str(folder)),
        stream,
        kinesis_client(endpoint_url, region),
        Clock(lambda: int(time() * 1000), sleep),
        progress=Progress("put", monotonic),
    )
    click.echo(f"{_summary(found, done.put)} put into {stream}", err=True)


def _summary(found: Contents, count: int) -> str:
    text = f"{count:,} events, {found.relay:,} of ConversationRelay,"
    if not found.unfinished:
        return text
    return (
        f"{text} of {found.unfinished:,} sessions without a wrap-up (read them again later if "
        "their calls were still going on),"
    )
