"""``python -m tests.bench``: run the benchmark, print the table, write the JSON."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from tests.bench import cases, fleet_cases, work
from tests.bench.bench import Bench, Sizes, commit_of
from tests.bench.instructions import VALGRIND
from tests.bench.processes import ROOT, versions
from tests.bench.report import Measured, Report, Row, merged, read_json, table, write_json

_FULL: Final = Sizes(
    rounds=3,
    records=100_000,
    live=(300_000, 10),
    states=(1_000, 10_000, 100_000),
    new_events=60_000,
    aggregated=50_000,
    curve=(100_000, 1_000_000, 10_000_000),
    counted=5_000,
    counted_live=(10_000, 1),
    counted_sessions=1_000,
    counted_curve=(5_000, 20_000),
)
_QUICK: Final = Sizes(
    rounds=1,
    records=10_000,
    live=(10_000, 2),
    states=(100, 1_000),
    new_events=6_000,
    aggregated=5_000,
    curve=(3_000, 10_000),
    counted=1_000,
    counted_live=(2_000, 2),
    counted_sessions=100,
    counted_curve=(1_000, 2_000),
)
_CASES: Final[dict[str, Callable[[Bench], list[Row]]]] = {
    "a": cases.replay,
    "a-work": work.replay,
    "b": cases.live,
    "b-work": work.live,
    "c": cases.commits,
    "c-work": work.commits,
    "e": cases.start,
    "e-work": work.start,
    "f": cases.aggregates,
    "f-work": work.aggregates,
    "fleet": fleet_cases.fleet,
    "fleet-work": fleet_cases.fleet_work,
    "curve": cases.curve,
    "curve-work": work.curve,
}
"""By time and, in ``-work``, by instructions; (d) comes with (c)."""

_OURS: Final = ("boto3", "botocore", "msgspec", "pydantic", "aws-kinesis-agg", "protobuf")
_PEERS: Final = (
    *("async-kinesis", "kcl-rs", "aws-lambda-powertools", "duckdb", "boto3", "botocore"),
)


@click.command()
@click.argument("names", metavar="[CASE]...", nargs=-1, type=click.Choice(list(_CASES)))
@click.option("--quick", is_flag=True, help="Small sizes, one round: to see that it works.")
@click.option("--seed", default=1, show_default=True, help="Of the simulated traffic.")
@click.option("--rounds", type=click.IntRange(1), help="Interleaved runs of each measurement.")
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path),
    help="Write all runs here; what the file has of other cases stays.",
)
@click.option(
    "--peers",
    metavar="PYTHON",
    help="An interpreter that has tests/bench/peers/requirements.lock installed. Without it only "
    "the worker, the oracle and the loop take part.",
)
@click.option(
    "--against",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Another checkout of the project, with an environment in its .venv, that takes part.",
)
def main(
    names: tuple[str, ...],
    quick: bool,
    seed: int,
    rounds: int | None,
    json_path: Path | None,
    peers: str | None,
    against: Path | None,
) -> None:
    """Measure the worker beside what one would write or take instead: all cases, or these.

    Speeds are records per CPU second of the measured process, all its threads together: what
    one core can do, whatever else the machine does. What is by the clock says so. Each figure is
    the median of the rounds; each ratio the median of the rounds' ratios. Cases in -work count
    machine instructions, which takes valgrind.
    """
    sizes = _QUICK if quick else _FULL
    if rounds:
        sizes = sizes._replace(rounds=rounds)
    before = None if against is None else against.absolute()
    others = None if json_path is None else read_json(json_path)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(Path(folder), sizes, seed, peers, before, _told)
        report = _report(bench)
        for name in names or _CASES:
            began = _began(0 if name.endswith("-work") else sizes.rounds)
            rows = _CASES[name](bench) if _can_be_measured(name) else [_not_counted(name)]
            report.rows.extend(rows)
            report.measured.update(dict.fromkeys((row.case for row in rows), began))
            if json_path is not None:  # so that what is measured outlives an interruption
                write_json(merged(report, others), json_path)
    click.echo(table(merged(report, others)), nl=False)


def _can_be_measured(name: str) -> bool:
    return VALGRIND is not None or not name.endswith("-work")


def _not_counted(name: str) -> Row:
    return Row(name, "not counted, for there is no valgrind here", None, "")


def _began(rounds: int) -> Measured:
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    machine = f"{_cpu()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    return Measured(date, commit_of(ROOT), machine, rounds, load)


def _report(bench: Bench) -> Report:
    left_out = []
    if bench.peers is None:
        left_out.append("the peers with a virtual environment of their own")
    if bench.before is None:
        left_out.append("another checkout to be held against")
    return Report(
        versions(sys.executable, _OURS),
        versions(bench.peers, _PEERS) if bench.peers else {},
        {"seed": bench.seed, **bench.sizes._asdict()},
        {},
        [],
        left_out,
    )


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.processor()


def _told(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    main()
