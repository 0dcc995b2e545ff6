"""The settings' sources: options override the environment, a TOML file and the defaults.

Between the file and the defaults are the variables that all programs with OpenTelemetry share.

A setting's whole value comes from the strongest source that has it, in that order; values are
never merged. An environment variable that is set but empty counts as not set.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, SettingsError

from worker.errors import Misconfigured
from worker.logs.redaction import mask_secrets
from worker.settings.model import ENV_PREFIX, Settings
from worker.settings.otlp import OTEL_VARIABLES
from worker.settings.values import did_you_mean

DEFAULT_FILE: Final = "voice-insights.toml"
FILE_VARIABLE: Final = f"{ENV_PREFIX}CONFIG"
_SHOWN_AT_MOST: Final = 80

_VARIABLES: Final = {f"{ENV_PREFIX}{name.upper()}": name for name in Settings.model_fields}


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force. ``sources``: where each setting's value came from."""

    settings: Settings
    sources: dict[str, str]

    def require_stream(self) -> str:
        """The stream's name or ARN. Raises `Misconfigured` if it is not set."""
        if self.settings.stream is None:
            raise Misconfigured(
                "stream is not set: give --stream, VOICE_INSIGHTS_STREAM,"
                f' or stream = "NAME" in {DEFAULT_FILE}'
            )
        return self.settings.stream


@dataclass(frozen=True, slots=True)
class _Layer:
    """One source: raw values by setting, and the source of each as shown to the operator."""

    values: dict[str, Any]
    sources: dict[str, str]


class _Environ(EnvSettingsSource):
    """Reads a given mapping instead of the process's environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._environ.items() if value}


def load_settings(
    overrides: Mapping[str, Any],
    environ: Mapping[str, str],
    file: Path | None = None,
    directory: Path = Path(),
) -> Loaded:
    """Merge the sources and validate the result.

    ``overrides``: options by setting, None if not given. ``file``: the TOML file, which must
    exist; if None, the file that ``VOICE_INSIGHTS_CONFIG`` names, which must exist, too; else
    ``voice-insights.toml`` in ``directory``, if it exists.
    Raises `Misconfigured` with one line that names setting, value, source and what is allowed.
    """
    layers = [
        _file_layer(_file(file, environ, directory)),
        _environ_layer(environ),
        _options_layer(overrides),
    ]
    if any(map(_uses_otlp, layers)):
        layers.insert(0, _otel_layer(environ))
    values: dict[str, Any] = {}
    sources = dict.fromkeys(Settings.model_fields, "default")
    for layer in layers:
        values |= layer.values
        sources |= layer.sources
    try:
        return Loaded(Settings(**values), sources)
    except ValidationError as error:
        raise Misconfigured(_line(error.errors(), values, sources)) from None


def _file(given: Path | None, environ: Mapping[str, str], directory: Path) -> Path | None:
    if given is not None:
        return given
    named = environ.get(FILE_VARIABLE)
    if named:
        return directory / named
    usual = directory / DEFAULT_FILE
    return usual if usual.exists() else None


def _file_layer(path: Path | None) -> _Layer:
    if path is None:
        return _Layer({}, {})
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured(f"there is no settings file {str(path)!r}") from None
    except OSError as error:
        raise Misconfigured(f"settings file {str(path)!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"settings file {str(path)!r} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"settings file {str(path)!r} is not TOML: {error}") from None
    _refuse_unknown(values, Settings.model_fields, f"file {path}")
    return _Layer(values, dict.fromkeys(values, f"file {path}"))


def _environ_layer(environ: Mapping[str, str]) -> _Layer:
    ours = {name: environ[name] for name in environ if name.startswith(ENV_PREFIX)}
    _refuse_unknown(ours, {*_VARIABLES, FILE_VARIABLE}, "environment", ENV_PREFIX)
    layer = _Layer({}, {})
    for variable in sorted(ours.keys() - {FILE_VARIABLE}):
        name = _VARIABLES[variable]
        try:
            read = _Environ({variable: ours[variable]})()
        except SettingsError as error:
            raise Misconfigured(f"{name} (env {variable}): takes JSON; {error.__cause__}") from None
        layer.values.update(read)
        layer.sources.update(dict.fromkeys(read, f"env {variable}"))
    return layer


def _uses_otlp(layer: _Layer) -> bool:
    """Whether a source may have anything sent over OTLP; else its variables mean other programs."""
    return "otlp" in str(layer.values.get("sink")).lower() or "traces" in layer.values


def _otel_layer(environ: Mapping[str, str]) -> _Layer:
    """Return the layer of OpenTelemetry's own variables, for all programs: the weakest source."""
    layer = _Layer({}, {})
    for variable, name in OTEL_VARIABLES.items():
        if environ.get(variable):
            layer.values[name] = environ[variable]
            layer.sources[name] = f"env {variable}"
    return layer


def _options_layer(overrides: Mapping[str, Any]) -> _Layer:
    given = {name: value for name, value in overrides.items() if value is not None}
    _refuse_unknown(given, Settings.model_fields, "options")
    return _Layer(given, {name: f"option --{name.replace('_', '-')}" for name in given})


def _refuse_unknown(
    given: Iterable[str], known: Iterable[str], source: str, prefix: str = ""
) -> None:
    """Raise `Misconfigured` for an unknown name. ``prefix``: the beginning that all names share."""
    ours = {name.removeprefix(prefix) for name in known}
    for name in (one.removeprefix(prefix) for one in given):
        if name not in ours:
            near = did_you_mean(name, ours).replace("'", f"'{prefix}", 1)
            raise Misconfigured(f"unknown setting '{prefix}{name}' ({source}){near}")


def _line(errors: list[ErrorDetails], values: Mapping[str, Any], sources: Mapping[str, str]) -> str:
    """One line with the first error and the number of further ones."""
    first = errors[0]
    if first["type"] == "ascending":
        low, high = (_described(first["ctx"][end], values, sources) for end in ("low", "high"))
        line = f"{low} must not exceed {high}"
    elif first["type"] == "lacking":
        line = f"{_described(first['ctx']['name'], values, sources)}: {first['ctx']['why']}"
    else:
        name = str(first["loc"][0])
        line = f"{_described(name, values, sources)}: {_reason(name, first)}"
    more = len(errors) - 1
    return line + (f" (and {more} more invalid setting{'s' * (more > 1)})" if more else "")


def _described(name: str, values: Mapping[str, Any], sources: Mapping[str, str]) -> str:
    value = values.get(name, Settings.model_fields[name].default)
    return f"{name} = {_shown(name, value)} ({sources[name]})"


def _shown(name: str, value: object) -> str:
    shown = str(value) if isinstance(value, date) else repr(mask_secrets(name, value))
    return shown if len(shown) <= _SHOWN_AT_MOST else f"{shown[:_SHOWN_AT_MOST]}…"


def _reason(name: str, error: ErrorDetails) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    within = ".".join(str(part) for part in error["loc"][1:] if part != "[key]")
    is_named = within and not within.isdigit()
    return f"takes {_takes(name)}" + (f"; wrong at {within}" if is_named else "")


def _takes(name: str) -> str:
    """The values that a setting takes, in words, from its schema."""
    schema = Settings.model_json_schema()["properties"][name]
    schema = schema.get("anyOf", [schema])[0]
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    if "enum" in schema.get("items", {}):
        return "one or more of " + ", ".join(schema["items"]["enum"])
    number = {"integer": "a whole number", "number": "a number"}.get(schema["type"])
    if number is not None:
        return f"{number} from {schema['minimum']} to {schema['maximum']}"
    return _FORMS.get(name, "text")


_FORMS: Final = {
    "state": "the path of a file, or s3://bucket/prefix",
    "records": "the path of a file, s3://bucket/prefix, or - for standard output",
    "dead_letters": "the path of a file, or s3://bucket/prefix",
    "pinecall_checkpoint": "the path of a file, or s3://bucket/prefix",
    "pinecall_expired": "the path of a folder, or s3://bucket/prefix",
    "labels": "a mapping of account_sid to a mapping of dimension to value",
    "dimensions": "a mapping of metric to a list of lists of dimensions",
}
