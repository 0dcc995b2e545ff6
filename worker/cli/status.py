"""``voice-insights status``: show the worker on this machine, and its worst calls."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from worker.cli.beside import ask_worker, beside_options, settings_beside
from worker.cli.records_file import records_at
from worker.errors import VoiceInsightsError
from worker.opening import Locations
from worker.page.data import worst_first
from worker.page.samples import instant
from worker.page.summary import longest_wait
from worker.printable import escaped_line
from worker.reports.console import console, print_table
from worker.reports.tables import ranked_table
from worker.sessions.schema import SessionRecord
from worker.settings.model import Settings
from worker.telemetry.status import StatusLine, status_of, values_of
from worker.telemetry.status_page import STATUS_PATH, status_view

_LONGEST: Final = 1_000_000
_EVERY_S: Final = 5.0
_CALLS_EVERY: Final = 12
"""With --watch, the calls are read at every twelfth reading of the metrics."""
_HOUR_MS: Final = 3_600_000
_WORST: Final = 5


@click.command()
@click.option("--watch", is_flag=True, help="Show it again every 5 s, until Ctrl-C.")
@beside_options
def status(
    watch: bool, health_port: str | None, health_host: str | None, config_file: Path | None
) -> None:
    """Show the state of the worker on this machine.

    Shows lag, shards, stream time, counts of the records read, the outbox and when requests were
    last sent, from the worker; and the calls of the last hour whose callers waited longest, from
    its stored state. Give the command the worker's environment or settings file. A line that begins
    with ! needs attention; the runbook says what to do. The exit code is 1 if nothing answers.

    A fleet's task shows its own buckets and what it routes; the calls are those of all buckets.
    `voice-insights fleet status` shows the whole fleet.

    Of a worker with page = off it shows how often requests were sent, but not when.

    \b
    Examples:
      VOICE_INSIGHTS_HEALTH_PORT=8080 voice-insights status
      voice-insights status --health-port 8080 --watch
    """
    settings = settings_beside(health_port, health_host, config_file)
    if not watch:
        sys.exit(0 if _show(settings, _calls(settings)) else 1)
    _watch(lambda calls: _show(settings, calls), lambda: _calls(settings))


def _watch(
    show: Callable[[list[SessionRecord]], bool], read: Callable[[], list[SessionRecord]]
) -> None:
    calls: list[SessionRecord] = []
    turn = 0
    with suppress(KeyboardInterrupt):  # which is how it ends
        while True:
            if turn % _CALLS_EVERY == 0:
                calls = read()
            turn += 1
            click.clear()
            show(calls)
            time.sleep(_EVERY_S)


def _show(settings: Settings, calls: list[SessionRecord]) -> bool:
    """Print the status; return whether the worker answers."""
    answers, lines = _status(settings)
    for line in lines:
        click.echo(escaped_line(line))
    if calls:
        out = console(sys.stdout)
        waits = [(longest_wait(one) or (None, False))[0] for one in calls]
        print_table(out, ranked_table(calls, "caller_wait", waits, "Worst calls of the last hour"))
    return answers


def _status(settings: Settings) -> tuple[bool, list[str]]:
    """Whether the worker answers, and the lines to print: its own status, or one made from its
    metrics, if it serves no page.
    """
    answer = ask_worker(settings, STATUS_PATH, _LONGEST)
    if answer.status is None:
        return False, [answer.text]
    if answer.ok:
        try:
            view = status_view(answer.text)
        except ValueError as error:
            return False, [f"what answers is not the worker: {error}"]
        unready = [] if view.unready is None else [f"! {'not ready':<13} {view.unready}"]
        return True, [*unready, *_lines(view.lines)]
    answer = ask_worker(settings, "/metrics", _LONGEST)
    return answer.ok, _lines(status_of(values_of(answer.text))) if answer.ok else [answer.text]


def _lines(status: list[StatusLine]) -> list[str]:
    if not status:
        return ["the worker has not committed yet"]
    return [f"{' ' if line.fine else '!'} {line.name:<13} {line.text}" for line in status]


def _calls(settings: Settings) -> list[SessionRecord]:
    """The worst calls with an event within the last hour; none if the state can't be read."""
    try:
        locations = Locations(settings.region, settings.endpoint_url)
        found = records_at(locations, settings.state, None, settings.sequence_numbers)
    except VoiceInsightsError as error:
        click.echo(escaped_line(f"no calls: {error}"), err=True)
        return []
    since = time.time_ns() // 1_000_000 - _HOUR_MS
    records = [one for one in found if instant(one.ended_at) >= since]
    return [one for one in worst_first(records) if longest_wait(one) is not None][:_WORST]
