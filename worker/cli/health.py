"""``voice-insights health``: ask the worker on this machine whether it is alive."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from worker.cli.beside import ask_worker, beside_options, settings_beside
from worker.printable import escaped_line

_LONGEST: Final = 200


@click.command()
@beside_options
def health(health_port: str | None, health_host: str | None, config_file: Path | None) -> None:
    """Check whether the worker on this machine is alive.

    Made for a container's health check: with the worker's environment or settings file it finds
    the port itself. It requests /healthz, prints the answer, and exits with 0 if the worker's
    loop is running, 1 if the loop is stuck or nothing answers, and 2 if no port is set or a
    setting is wrong. The worker's lag and the health of AWS don't matter here. The command writes
    nothing and needs no credentials.

    \b
    Examples:
      VOICE_INSIGHTS_HEALTH_PORT=8080 voice-insights health
      voice-insights health --health-port 8080
    """
    settings = settings_beside(health_port, health_host, config_file)
    answer = ask_worker(settings, "/healthz", _LONGEST)
    click.echo(escaped_line(answer.text))
    sys.exit(0 if answer.ok else 1)
