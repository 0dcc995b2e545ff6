"""The process of ``voice-insights fleet run``: one task, its log, its pages and its end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from random import random
from time import monotonic, time
from typing import Final, NoReturn

from worker.aws.sessions import RenewableCredentials, open_session
from worker.cli.fleet_child import ChildOf
from worker.cli.records_file import records_at
from worker.cli.serving import served_page, serving
from worker.cli.session_search import FleetSearch
from worker.cli.signals import Signals, Stopped
from worker.errors import VoiceInsightsError
from worker.fleet.build import TaskParts, build_host, build_task
from worker.fleet.layout import Layout
from worker.fleet.layout_store import require_layout
from worker.fleet.task import Role
from worker.logs.pump import LogPump
from worker.logs.setup import configure_logging, is_pretty
from worker.opening import Locations
from worker.service.hooks import EventFanOut
from worker.service.ports import Clocks
from worker.sessions.schema import SessionRecord
from worker.settings.model import Settings
from worker.settings.readable import readable
from worker.settings.rules import rules_of
from worker.telemetry.calls import call_families
from worker.telemetry.collector import Report, TelemetryCollector
from worker.telemetry.emf_lines import TelemetryLines
from worker.telemetry.families import Family
from worker.telemetry.fleet import FleetTelemetry
from worker.telemetry.fleet_catalogue import FLEET_METRICS
from worker.telemetry.pages import Pages
from worker.telemetry.process import facts_of_this_process
from worker.telemetry.readiness import Readiness
from worker.telemetry.worker_log import WorkerLog

_LAST_LINES_S: Final = 2.0


def run_fleet(settings: Settings, roles: Sequence[Role], child: ChildOf | None = None) -> NoReturn:
    """Work as one task until asked to stop, and exit. Raises ``VoiceInsightsError`` for an error
    that occurs before there is a log.
    """
    layout = require_layout(Locations(settings.region, settings.endpoint_url), settings.state)
    if child is not None:  # the port belongs to the parent of all children
        settings = settings.model_copy(update={"health_port": None})
    own = readable(settings)
    pump = configure_logging(settings.log_level, settings.log_format, sys.stderr, own)
    try:
        code = _work(settings, layout, roles, pump, child)
    finally:
        pump.close(_LAST_LINES_S)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # at the interpreter's own end the engine's native threads would abort the process
    os._exit(code)


def _work(
    settings: Settings,
    layout: Layout,
    roles: Sequence[Role],
    pump: LogPump,
    child: ChildOf | None,
) -> int:
    """Run the task and return its exit code. An error of a callback ends the process at once."""
    clocks = Clocks(monotonic, _now)
    log = WorkerLog(clocks)
    readiness = Readiness(monotonic)
    credentials = RenewableCredentials()
    kept = rules_of(settings).totals
    fleet = FleetTelemetry(layout.buckets, monotonic, log, totals_kept=kept)
    telemetry = TelemetryCollector(_now, pump.dropped, _report(settings, pump), fleet.values)
    search = FleetSearch(partial(_records, settings), monotonic)
    page = served_page(settings, clocks, telemetry, readiness, search)
    live = [] if page is None else [page.live]
    events = EventFanOut(log, telemetry, readiness, fleet, *live)
    signals = Signals(settings.shutdown_s)

    def unready() -> str | None:
        return readiness.unready() if fleet.holds_any() else None

    process = facts_of_this_process(time())
    calls = partial(_calls, settings, telemetry)
    pages = Pages(fleet, telemetry.snapshot, unready, process, calls, monotonic, FLEET_METRICS)

    def wait(seconds: float) -> None:
        credentials.check()
        fleet.waiting()
        signals.sleep(seconds)
        fleet.waiting()

    def deadline() -> float | None:
        credentials.check()
        telemetry.tick()
        return signals.deadline()

    def fail(error: BaseException) -> NoReturn:
        code = _logged(log, error)
        pump.close(_LAST_LINES_S)
        os._exit(code)

    try:
        session = open_session(credentials)
        with serving(settings, log, pages, page):
            made = TaskParts(settings, layout, session, events, fleet, clocks, random, wait, fail)
            if child is None:
                task = build_task(made, roles, _child_command)
                signals.begun()
                task.run(deadline)
            else:
                host = build_host(made, child.role)
                signals.begun()
                child.serve(host, fail, deadline, settings.shutdown_s)
            log.ended()
    except Stopped:
        log.never_began()
    except Exception as error:
        return _logged(log, error)
    finally:
        signals.over()
    return 0


def _child_command(role: Role) -> list[str]:
    """Return the command of a process for one shard: this process's, with the role to serve."""
    return [sys.executable, "-m", "worker", *sys.argv[1:], "--child", role]


def _logged(log: WorkerLog, error: BaseException) -> int:
    """Log an error that ends the task; return the exit code."""
    if isinstance(error, VoiceInsightsError):
        log.failed(str(error))
        return error.exit_code
    log.crashed()
    return VoiceInsightsError.exit_code


def _records(settings: Settings, sid: str) -> list[SessionRecord]:
    locations = Locations(settings.region, settings.endpoint_url)
    return records_at(locations, settings.state, sid, settings.sequence_numbers)


def _calls(settings: Settings, telemetry: TelemetryCollector) -> Iterator[Family]:
    return call_families(telemetry.totals(), settings.dimensions, settings.prometheus_calls)


def _report(settings: Settings, pump: LogPump) -> Report:
    auto = settings.own_metrics == "auto" and not is_pretty(settings.log_format, sys.stderr)
    if auto or settings.own_metrics == "emf":
        return TelemetryLines(pump.put, settings.own_namespace, FLEET_METRICS)
    return lambda _reading, _at: None


def _now() -> int:
    return int(time() * 1000)
