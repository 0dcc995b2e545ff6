"""Command-line options for the settings, made from their descriptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from pydantic.fields import FieldInfo

from worker.settings.model import Settings
from worker.settings.sources import DEFAULT_FILE, FILE_VARIABLE

Command = TypeVar("Command", bound=Callable[..., Any])

CONFIG_HELP: Final = (
    f"TOML file of settings.  [default: ${FILE_VARIABLE}, else {DEFAULT_FILE} if there]"
)

_MAPPINGS: Final = frozenset({"labels", "dimensions"})  # for the file, or a variable of JSON


def settings_options(command: Command) -> Command:
    """Give a command ``--config FILE`` as ``config_file``, and an option for every setting.

    Their values are None where not given; what they hold is checked by `load_settings`.
    """
    return some_settings_options(*Settings.model_fields)(command)


def some_settings_options(*names: str) -> Callable[[Command], Command]:
    """The same for some of the settings; the others still come from file and environment."""
    return lambda command: _with_options(command, names)


def _with_options(command: Command, names: Iterable[str]) -> Command:
    for name in reversed([one for one in names if one not in _MAPPINGS]):
        flag = f"--{name.replace('_', '-')}"
        text = _help(Settings.model_fields[name])
        command = click.option(flag, name, metavar=_metavar(name), help=text)(command)
    return click.option(
        "--config",
        "config_file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help=CONFIG_HELP,
    )(command)


def _metavar(name: str) -> str:
    if name.endswith("_s"):
        return "SECONDS"
    return "NUMBER" if name.startswith("max_") else "VALUE"


def _help(field: FieldInfo) -> str:
    text = str(field.description)
    default = "" if field.default is None else f"  [default: {field.default}]"
    return f"{text[0].upper()}{text[1:]}.{default}"
