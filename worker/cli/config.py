"""``voice-insights config``: the settings in force, their sources, and what the series cost."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.table import Table

from worker.cli.series_estimate import Estimate, estimate
from worker.cli.settings_options import settings_options
from worker.logs.redaction import mask_secrets
from worker.monitoring.sizing import SERIES_MONTH
from worker.printable import escaped_line
from worker.reports.console import console
from worker.settings.model import Settings
from worker.settings.rules import rules_of
from worker.settings.sources import Loaded, load_settings
from worker.times.rfc3339 import format_ms


class _Row(NamedTuple):
    name: str
    value: object
    source: str


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@settings_options
def config(as_json: bool, config_file: Path | None, **options: str | None) -> None:
    """Show the settings in force and where each came from.

    The options below explain each setting. A setting NAME is taken from the option --NAME, else
    from the environment variable VOICE_INSIGHTS_NAME, else from the TOML file, else it has its
    default. `labels` and `dimensions` are mappings: write them as tables in the file, or as JSON
    in the environment variable. Credentials are masked in the output.

    \b
    Examples:
      voice-insights config
      voice-insights config --config production.toml --json
    """
    loaded = load_settings(options, os.environ, config_file)
    rows = list(_rows(loaded))
    series = estimate(rules_of(loaded.settings).series)
    if as_json:
        click.echo(_as_json(rows, series))
        return
    if sys.stdout.isatty():
        console(sys.stdout).print(_table(rows))
    else:
        click.echo(_plain(rows))
    click.echo(f"\n{_about_series(series)}")


def _rows(loaded: Loaded) -> Iterator[_Row]:
    for name in Settings.model_fields:
        yield _Row(name, _shown(name, getattr(loaded.settings, name)), loaded.sources[name])


def _shown(name: str, value: Any) -> object:
    """The value as a JSON value, written as a user would write it, with credentials masked."""
    if name == "start" and isinstance(value, int):
        return format_ms(value)
    return mask_secrets(name, value)


def _text(value: object) -> str:
    if value is None:
        return "(not set)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _as_json(rows: list[_Row], series: Estimate) -> str:
    return json.dumps(
        {
            "settings": {row.name: {"value": row.value, "source": row.source} for row in rows},
            "series": {
                "base": series.base,
                "at_most": series.at_most,
                "usd_per_series_and_month": SERIES_MONTH,
                "usd_per_month_base": round(series.base_usd, 2),
                "usd_per_month_at_most": round(series.at_most_usd, 2),
            },
        },
        indent=2,
    )


def _table(rows: list[_Row]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("Setting", "From", "Value"):
        table.add_column(title, overflow="fold")
    for row in rows:
        style = "dim" if row.source == "default" else "bold"
        cells = (row.name, row.source, _text(row.value))
        table.add_row(*cells, style=style)
    return table


def _plain(rows: list[_Row]) -> str:
    """Aligned columns; the values, which may be long, come last and are not shortened."""
    names = max(len(row.name) for row in rows)
    sources = max(len(row.source) for row in rows)
    return "\n".join(
        escaped_line(f"{row.name:{names}}  {row.source:{sources}}  {_text(row.value)}")
        for row in rows
    )


def _about_series(series: Estimate) -> str:
    return (
        f"CloudWatch series: {series.base} without further dimensions, at most {series.at_most} "
        f"with all dimension sets at their caps.\n"
        f"Estimate at the list price of ${SERIES_MONTH:.2f} per series and month: "
        f"${series.base_usd:,.2f} to ${series.at_most_usd:,.2f} a month."
    )
