"""HTTP requests to the worker on this machine, at its health port."""

from __future__ import annotations

import http.client
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import click

from worker.cli.settings_options import CONFIG_HELP
from worker.errors import Misconfigured
from worker.settings.model import Settings
from worker.settings.sources import load_settings

_Command = TypeVar("_Command", bound=Callable[..., Any])
_WITHIN_S: Final = 4.0
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_OPTIONS: Final = (
    click.option(
        "--health-port",
        metavar="NUMBER",
        help="Port of the worker's health pages.  [default: the setting health_port]",
    ),
    click.option(
        "--health-host",
        metavar="ADDRESS",
        help="Address that serves them.  [default: the setting health_host, else 127.0.0.1]",
    ),
    click.option(
        "--config",
        "config_file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help=CONFIG_HELP,
    ),
)


class LocalAnswer(NamedTuple):
    """An HTTP status and its body; without an answer, None and the reason."""

    status: int | None
    text: str

    @property
    def ok(self) -> bool:
        """Whether the worker answered with a status of success."""
        return self.status == http.client.OK


def beside_options(command: _Command) -> _Command:
    """Add the options that name the worker's health port and address."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def settings_beside(
    health_port: str | None, health_host: str | None, config_file: Path | None
) -> Settings:
    """Load the worker's settings. Raises ``Misconfigured`` if they name no health port."""
    given = {"health_port": health_port, "health_host": health_host}
    settings = load_settings(given, os.environ, config_file).settings
    if not settings.health_port:
        raise Misconfigured("health_port is not set: give the port of the worker's health pages")
    return settings


def ask_worker(settings: Settings, path: str, longest: int) -> LocalAnswer:
    """Request a path from the worker; the answer's body is cut at ``longest`` bytes."""
    host = _ANYWHERE.get(settings.health_host, settings.health_host)
    connection = http.client.HTTPConnection(host, settings.health_port, timeout=_WITHIN_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return LocalAnswer(answer.status, answer.read(longest).decode(errors="replace").strip())
    except (OSError, http.client.HTTPException) as error:
        why = f"no answer at {host}, port {settings.health_port}: {error}"
        return LocalAnswer(None, why)
    finally:
        connection.close()
