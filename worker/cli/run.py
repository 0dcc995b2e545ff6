"""``voice-insights run``: the long-running worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import random
from time import monotonic, time
from typing import Final

import click

from worker.aws.sessions import RenewableCredentials, open_session
from worker.cli.serving import served_page, serving
from worker.cli.session_search import SessionSearch
from worker.cli.settings_options import settings_options
from worker.cli.signals import Signals, Stopped
from worker.errors import VoiceInsightsError
from worker.logs.pump import LogPump
from worker.logs.setup import configure_logging, is_pretty
from worker.opening import Locations
from worker.service.hooks import EventFanOut
from worker.service.ports import Clocks
from worker.service.queries import PartitionQueries
from worker.settings.model import Settings
from worker.settings.readable import readable
from worker.settings.sources import load_settings
from worker.state.view import StateView
from worker.telemetry.calls import call_families
from worker.telemetry.collector import Report, TelemetryCollector
from worker.telemetry.emf_lines import TelemetryLines
from worker.telemetry.families import Family
from worker.telemetry.liveness import Liveness
from worker.telemetry.pages import Pages
from worker.telemetry.process import facts_of_this_process
from worker.telemetry.readiness import Readiness
from worker.telemetry.worker_log import WorkerLog
from worker.wiring import build_worker

_LAST_LINES_S: Final = 2.0


@click.command()
@settings_options
def run(config_file: Path | None, **options: str | None) -> None:
    """Consume a stream until stopped.

    The worker reads all shards of the stream, parents before children, each from its stored
    position, else from --start. It sends metrics to CloudWatch (or writes them as EMF), session
    records to standard output, a file or an S3 bucket, and occurrences that can't be counted to
    the dead letters, a file or a bucket. Its state is one SQLite file, or a prefix in a bucket
    (--state s3://bucket/prefix). After a crash or a stop, start it again with the same state:
    nothing is lost or counted twice. If two workers are started with the same state, the later
    one takes over and the earlier one exits with code 3.

    SIGTERM or Ctrl-C stops the worker: it stops reading, commits, sends what is due and exits
    with 0 within --shutdown-s seconds; unsent requests stay in the outbox for the next start. If
    S3 doesn't answer in that time, the worker exits with 6, and reads again later whatever is not
    committed. A second signal ends it immediately, which is also safe.

    \b
    Examples:
      voice-insights run --stream my-stream --records sessions.jsonl
      VOICE_INSIGHTS_STREAM=my-stream VOICE_INSIGHTS_SINK=emf voice-insights run
      voice-insights run --stream my-stream --state s3://my-bucket/state --records s3://my-bucket
    """
    loaded = load_settings(options, os.environ, config_file)
    stream = loaded.require_stream()
    settings = loaded.settings
    own = readable(settings)
    pump = configure_logging(settings.log_level, settings.log_format, sys.stderr, own)
    try:
        sys.exit(_work(settings, stream, pump))
    finally:
        pump.close(_LAST_LINES_S)


def _work(settings: Settings, stream: str, pump: LogPump) -> int:
    """Run the worker and return its exit code. An error that ends it is only logged."""
    clocks = Clocks(monotonic, _now)
    log = WorkerLog(clocks)
    readiness = Readiness(monotonic)
    credentials = RenewableCredentials()
    telemetry = TelemetryCollector(_now, pump.dropped, _report(settings, pump))
    queries = PartitionQueries()
    search = SessionSearch(queries, partial(_state, settings), monotonic)
    page = served_page(settings, clocks, telemetry, readiness, search)
    live = [] if page is None else [page.live]
    events = EventFanOut(log, telemetry, readiness, queries, *live)
    signals = Signals(settings.shutdown_s)
    liveness = Liveness(monotonic)
    process = facts_of_this_process(time())
    calls = partial(_calls, settings, telemetry)
    pages = Pages(liveness, telemetry.snapshot, readiness.unready, process, calls, monotonic)

    waiting = liveness.on_wait(signals.sleep)

    def wait(seconds: float) -> None:
        credentials.check()
        waiting(seconds)

    def deadline() -> float | None:
        credentials.check()
        return signals.deadline()

    try:
        session = open_session(credentials)
        with serving(settings, log, pages, page):
            service = build_worker(settings, stream, session, events, clocks, random, wait)
            signals.begun()
            log.stopped(service.run(liveness.on_turn(deadline)))
    except Stopped:
        log.never_began()
    except VoiceInsightsError as error:
        log.failed(str(error))
        return error.exit_code
    except Exception:
        log.crashed()
        return VoiceInsightsError.exit_code
    finally:
        signals.over()
    return 0


def _state(settings: Settings) -> StateView:
    return Locations(settings.region, settings.endpoint_url).view(settings.state)


def _calls(settings: Settings, telemetry: TelemetryCollector) -> Iterator[Family]:
    return call_families(telemetry.totals(), settings.dimensions, settings.prometheus_calls)


def _report(settings: Settings, pump: LogPump) -> Report:
    auto = settings.own_metrics == "auto" and not is_pretty(settings.log_format, sys.stderr)
    if auto or settings.own_metrics == "emf":
        return TelemetryLines(pump.put, settings.own_namespace)
    return lambda _reading, _at: None


def _now() -> int:
    return int(time() * 1000)
