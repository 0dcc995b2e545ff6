"""``voice-insights health``: asks the worker beside it whether it is alive."""

from __future__ import annotations

import http.client
import os
import sys
from pathlib import Path
from typing import Final

import click

from worker.cli.settings_options import CONFIG_HELP
from worker.errors import Misconfigured
from worker.printable import escaped_line
from worker.settings.sources import load_settings

_WITHIN_S: Final = 4.0
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_LONGEST: Final = 200


@click.command()
@click.option(
    "--health-port",
    metavar="NUMBER",
    help="Port of the worker's health pages.  [default: the setting health_port]",
)
@click.option(
    "--health-host",
    metavar="ADDRESS",
    help="Address that they are served at.  [default: the setting health_host, else 127.0.0.1]",
)
@click.option(
    "--config",
    "config_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=CONFIG_HELP,
)
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
    given = {"health_port": health_port, "health_host": health_host}
    settings = load_settings(given, os.environ, config_file).settings
    if not settings.health_port:
        raise Misconfigured("health_port is not set: give the port that the worker serves at")
    host = _ANYWHERE.get(settings.health_host, settings.health_host)
    status, text = _ask(host, settings.health_port)
    click.echo(escaped_line(text))
    sys.exit(0 if status == http.client.OK else 1)


def _ask(host: str, port: int) -> tuple[int | None, str]:
    """The status and the first line of the answer; None and why, without one."""
    connection = http.client.HTTPConnection(host, port, timeout=_WITHIN_S)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        return answer.status, answer.read(_LONGEST).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return None, f"no answer at {host}, port {port}: {error}"
    finally:
        connection.close()
