"""``voice-insights infra sizing``: what a deployment needs and costs."""

from __future__ import annotations

import json

import click

from worker.monitoring.sizing import CALLS_A_DAY, cost_of, fleet_note, size_of, sizing_table


@click.command()
@click.argument("calls_a_day", nargs=-1, type=click.IntRange(1, 100_000_000))
@click.option("--json", "as_json", is_flag=True, help="Print a list of JSON objects.")
def sizing(calls_a_day: tuple[int, ...], *, as_json: bool) -> None:
    """Estimate what a deployment needs and costs for CALLS_A_DAY.

    Prints shards, task size, sessions in memory, series, and dollars a month at list prices,
    Twilio's first; and whether one task is enough, which it nearly always is, or a fleet is needed.
    docs/runbook.md states the assumptions; nothing is looked up.

    \b
    Example:
      voice-insights infra sizing 2500 40000
    """
    if as_json:
        click.echo(_sizing_as_json(calls_a_day or CALLS_A_DAY))
        return
    click.echo(sizing_table(calls_a_day or CALLS_A_DAY), nl=False)
    for calls in calls_a_day or CALLS_A_DAY[-1:]:
        click.echo(f"\n{fleet_note(calls)}", nl=False)
    click.echo()


def _sizing_as_json(calls_a_day: tuple[int, ...]) -> str:
    """The sizes as JSON."""
    sizes = []
    for calls in calls_a_day:
        cost = cost_of(calls)
        dollars = {name: round(value, 2) for name, value in cost._asdict().items()}
        month = {**dollars, "total": round(cost.total, 2)}
        sizes.append({"calls_a_day": calls, **size_of(calls)._asdict(), "usd_per_month": month})
    return json.dumps(sizes, indent=2)
