"""``voice-insights health``: asks the worker beside it whether it is alive."""

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
    """Ask the worker on this machine whether it is alive.

    For a container's health check: give it the environment or the settings file that the worker
    has, and it finds the port by itself. It asks /healthz, prints the answer, and exits 0 if the
    worker's loop turns, 1 if it stands still or nothing answers, and 2 without a port or with a
    wrong setting. How far behind the worker is, and whether AWS answers, has no say in it. It
    writes nothing and needs no credentials.

    \b
    Examples:
      VOICE_INSIGHTS_HEALTH_PORT=8080 voice-insights health
      voice-insights health --health-port 8080
    """
    settings = settings_beside(health_port, health_host, config_file)
    answer = ask_worker(settings, "/healthz", _LONGEST)
    click.echo(escaped_line(answer.text))
    sys.exit(0 if answer.ok else 1)
