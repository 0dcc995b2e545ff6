"""Command-line options for the settings, made from their descriptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

import click
from click.shell_completion import CompletionItem
from pydantic.fields import FieldInfo

from worker.settings.model import Settings
from worker.settings.sources import DEFAULT_FILE, FILE_VARIABLE

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
Command = TypeVar("Command", bound=Callable[..., Any])

CONFIG_HELP: Final = (
    f"TOML file of settings.  [default: ${FILE_VARIABLE}, else {DEFAULT_FILE} if there]"
)

_PLACES: Final = frozenset({"state", "records", "dead_letters"})
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
    """How a setting's value is shown in help: by its words, if it takes such."""
    choices = choices_of(name)
    if choices:
        return f"[{'|'.join((*choices, 'TIME') if name == 'start' else choices)}]"
    if name.endswith("_s"):
        return "SECONDS"
    counted = name.startswith("max_") or name.endswith(("_hours", "_calls", "_port"))
    return "NUMBER" if counted else "VALUE"


def choices_of(name: str) -> tuple[str, ...]:
    """The words that a setting takes; () if it isn't about words."""
    annotation = Settings.model_fields[name].annotation
    for one in (annotation, *get_args(annotation)):
        if get_origin(one) is Literal:
            return get_args(one)
    return ()


def completions_of(name: str) -> Complete:
    """What the shell offers for a setting: its words; files, where it takes the path of one."""
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
    default = "" if field.default is None else f"  [default: {field.default}]"
    return f"{text[0].upper()}{text[1:]}.{default}"
