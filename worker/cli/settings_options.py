"""Command-line options for the settings, generated from their descriptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

import click
from click.shell_completion import CompletionItem
from pydantic.fields import FieldInfo

from worker.settings.bridge import BridgeSettings
from worker.settings.fleet import FleetSettings
from worker.settings.model import Settings
from worker.settings.sources import DEFAULT_FILE, FILE_VARIABLE

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
Command = TypeVar("Command", bound=Callable[..., Any])

CONFIG_HELP: Final = (
    f"TOML file of settings.  [default: ${FILE_VARIABLE}, else {DEFAULT_FILE} if it exists]"
)

_PLACES: Final = frozenset(
    {"state", "records", "dead_letters", "pinecall_checkpoint", "pinecall_expired"}
)
_MAPPINGS: Final = frozenset(
    {"labels", "dimensions", "otlp_headers", "otlp_traces_headers", "otlp_resource"}
)
"""Settings for the file, or as JSON in a variable: other users can read a command line."""


def settings_options(command: Command) -> Command:
    """Give a command ``--config FILE`` as ``config_file``, and an option for every setting of a
    single worker.

    An option that is not given is None; `load_settings` validates the values.
    """
    others = {*BridgeSettings.model_fields, *FleetSettings.model_fields}
    own = [name for name in Settings.model_fields if name not in others]
    return some_settings_options(*own)(command)


def fleet_options(command: Command) -> Command:
    """Like `settings_options`, for the settings that a fleet has beside a single worker's, too."""
    own = [name for name in Settings.model_fields if name not in BridgeSettings.model_fields]
    return some_settings_options(*own)(command)


def some_settings_options(*names: str) -> Callable[[Command], Command]:
    """Like `settings_options`, with options for ``names`` only; the other settings still come
    from the file and the environment.
    """
    return lambda command: _with_options(command, names)


def _with_options(command: Command, names: Iterable[str]) -> Command:
    for name in reversed([one for one in names if one not in _MAPPINGS]):
        flag = f"--{name.replace('_', '-')}"
        text = _help(Settings.model_fields[name])
        command = click.option(
            flag, name, metavar=metavar_of(name), help=text, shell_complete=completions_of(name)
        )(command)
    return click.option(
        "--config",
        "config_file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help=CONFIG_HELP,
    )(command)


def metavar_of(name: str) -> str:
    """The metavar of a setting's option: its choices, if it has any."""
    choices = choices_of(name)
    if choices:
        return f"[{'|'.join((*choices, 'TIME') if name == 'start' else choices)}]"
    if name.endswith("_s"):
        return "SECONDS"
    if name.endswith("_ms"):
        return "MILLISECONDS"
    counted = name.startswith("max_") or name.endswith(
        ("_hours", "page_calls", "_port", "_buckets")
    )
    return "NUMBER" if counted else "VALUE"


def choices_of(name: str) -> tuple[str, ...]:
    """The choices of a setting; () if its values aren't choices."""
    annotation = Settings.model_fields[name].annotation
    for one in (annotation, *get_args(annotation)):
        if get_origin(one) is Literal:
            return get_args(one)
    return ()


def completions_of(name: str) -> Complete:
    """Shell completion for a setting: its choices, or files if it takes a path."""
    choices = choices_of(name)

    def complete(
        _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        if name in _PLACES:
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(one) for one in choices if one.startswith(incomplete.lower())]

    return complete


def _help(field: FieldInfo) -> str:
    text = str(field.description)
    usual = ",".join(field.default) if isinstance(field.default, tuple) else field.default
    default = "" if usual is None else f"  [default: {usual}]"
    return f"{text[0].upper()}{text[1:]}.{default}"
