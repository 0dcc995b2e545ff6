"""``python -m tests.simulation``: one seed with its trace, or many of them."""

from __future__ import annotations

import sys
from dataclasses import replace

import click

from tests.simulation.fleet.plan import draw_fleet
from tests.simulation.plan import Plan, draw
from tests.simulation.running import run, shrunk


@click.command()
@click.option("--seed", required=True, type=int, help="The first seed, or the only one.")
@click.option("--seeds", default=1, show_default=True, help="How many; no trace if several.")
@click.option("--faults", help="Only these faults of the plan, by number: 0,4,7 (or none).")
@click.option("--fleet", is_flag=True, help="Of a fleet instead of a single worker.")
@click.option("--shrink", is_flag=True, help="Look for a smaller plan that fails as well.")
def main(seed: int, seeds: int, faults: str | None, fleet: bool, shrink: bool) -> None:
    """Try the worker's promises out under the faults of a seed; exit 1 if one is broken."""
    failed = 0
    for one in range(seed, seed + seeds):
        plan = _only(draw_fleet(one) if fleet else draw(one), faults)
        laws = run(plan) if seeds > 1 or shrink else _traced(plan)
        failed += bool(laws)
        if laws:
            click.echo(report(plan, laws, shrink=shrink))
    click.echo(f"{seeds} seeds, {failed} failed", err=True)
    sys.exit(bool(failed))


def report(plan: Plan, laws: list[str], *, shrink: bool) -> str:
    """What a failing plan broke, and the command that shows how."""
    if shrink:
        plan = shrunk(plan, lambda smaller: bool(run(smaller)))
        laws = run(plan)
    every = (draw_fleet if plan.buckets else draw)(plan.seed).faults
    kept = ",".join(str(every.index(fault)) for fault in plan.faults) or "none"
    return "\n".join(
        [
            f"seed {plan.seed} breaks:",
            *(f"  {law}" for law in laws),
            f"with {len(plan.faults)} of its {len(every)} faults:",
            *(f"  {every.index(fault)}: {fault}" for fault in plan.faults),
            f"replay: python -m tests.simulation{' --fleet' * bool(plan.buckets)}"
            f" --seed {plan.seed} --faults {kept}",
        ]
    )


def _only(plan: Plan, faults: str | None) -> Plan:
    if faults is None:
        return plan
    numbers = [] if faults == "none" else [int(number) for number in faults.split(",")]
    return replace(plan, faults=tuple(plan.faults[number] for number in numbers))


def _traced(plan: Plan) -> list[str]:
    click.echo(plan)
    return run(plan, click.echo)


if __name__ == "__main__":
    main()
