"""``voice-insights run``: the long-running worker."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from random import random
from threading import Event
from time import monotonic
from types import FrameType
from typing import Final

import click
import structlog

from worker.cli.settings_options import settings_options
from worker.config import Settings
from worker.errors import VoiceInsightsError
from worker.observe.logs import configure_logging
from worker.observe.worker_log import WorkerLog
from worker.settings_sources import load_settings
from worker.wiring import build

_INTERRUPTED: Final = 130
_LAST_LINES_S: Final = 2.0


@click.command()
@settings_options
def run(config_file: Path | None, **options: str | None) -> None:
    """Consume a stream until told to stop.

    Reads all shards of the stream, parents before children, from the stored position, else from
    --start. Metrics go to CloudWatch (or out as EMF), session records to standard output or a
    file, what can't be read to the dead letters. State is one SQLite file: after a crash or a
    stop, start again with the same file and nothing is lost or counted twice.

    SIGTERM or Ctrl-C ends it: it stops reading, commits, sends what is due and exits 0 within
    --shutdown-s; what could not be sent stays in the outbox for the next start. A second one
    ends it at once, which is safe too.

    \b
    Examples:
      voice-insights run --stream my-stream --records sessions.jsonl
      VOICE_INSIGHTS_STREAM=my-stream VOICE_INSIGHTS_SINK=emf voice-insights run
    """
    loaded = load_settings(options, os.environ, config_file)
    stream = loaded.require_stream()
    settings = loaded.settings
    pump = configure_logging(settings.log_level, settings.log_format, sys.stderr)
    try:
        _work(settings, stream)
    except VoiceInsightsError as error:
        structlog.get_logger("voice_insights").error("stopped", error=str(error))
        raise
    finally:
        pump.close(_LAST_LINES_S)


def _work(settings: Settings, stream: str) -> None:
    log = WorkerLog(monotonic)
    stopping = Event()
    _end_on_signals(stopping)
    service = build(settings, stream, log, monotonic, random)
    backlog = service.run(stopping.is_set)
    log.stopped(backlog)


def _end_on_signals(stopping: Event) -> None:
    def end(_number: int, _frame: FrameType | None) -> None:
        if stopping.is_set():
            os._exit(_INTERRUPTED)
        stopping.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
