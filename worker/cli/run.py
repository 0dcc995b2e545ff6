"""``voice-insights run``: the long-running worker."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from random import random
from time import monotonic, sleep, time
from types import FrameType
from typing import Final

import click

from worker.cli.settings_options import settings_options
from worker.config import Settings
from worker.errors import VoiceInsightsError
from worker.observe.logs import configure_logging, is_pretty
from worker.observe.own_lines import OwnLines
from worker.observe.pump import LogPump
from worker.observe.watch import Report, Watch
from worker.service import Clocks
from worker.settings_sources import load_settings
from worker.wiring import build

_INTERRUPTED: Final = 130
_LAST_LINES_S: Final = 2.0
_LOOK_EVERY_S: Final = 0.2


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
        sys.exit(_work(settings, stream, pump))
    finally:
        pump.close(_LAST_LINES_S)


def _work(settings: Settings, stream: str, pump: LogPump) -> int:
    """Work to the end; the exit code. What ends it is told as a log line, and only there."""
    clocks = Clocks(monotonic, _now)
    log = Watch(clocks, pump.dropped, _report(settings, pump))
    signals = _Signals()

    def patiently(seconds: float) -> None:
        log.not_reached(seconds)
        signals.sleep(seconds)

    try:
        service = build(settings, stream, log, clocks, random, patiently)
        log.stopped(service.run(signals.stopping))
    except _Stopped:
        log.never_began()
    except VoiceInsightsError as error:
        log.failed(str(error))
        return error.exit_code
    except Exception:
        log.crashed()
        return VoiceInsightsError.exit_code
    return 0


def _report(settings: Settings, pump: LogPump) -> Report:
    auto = settings.own_metrics == "auto" and not is_pretty(settings.log_format, sys.stderr)
    if auto or settings.own_metrics == "emf":
        return OwnLines(pump.put, settings.own_namespace)
    return lambda _reading, _at: None


def _now() -> int:
    return int(time() * 1000)


class _Stopped(Exception):
    """Told to stop before there was anything to stop."""


class _Signals:
    """SIGTERM and SIGINT: the first asks the worker to end, a second one ends it.

    A plain flag: a handler runs amid any line of the main thread, and a lock that this thread
    holds at that moment would never come free.
    """

    def __init__(self) -> None:
        self._told = False
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)

    def stopping(self) -> bool:
        """Whether the worker has been asked to end."""
        return self._told

    def sleep(self, seconds: float) -> None:
        """Let time pass. Raises ``_Stopped`` soon after the worker has been asked to end."""
        until = monotonic() + seconds
        while not self._told and (left := until - monotonic()) > 0:
            sleep(min(left, _LOOK_EVERY_S))
        if self._told:
            raise _Stopped

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        if self._told:
            os._exit(_INTERRUPTED)
        self._told = True
