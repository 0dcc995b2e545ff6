"""``python -m tests.bench``: run the benchmark, print the table, write the JSON."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from tests.bench import cases, fleet_cases
from tests.bench.instructions import VALGRIND
from tests.bench.processes import measure, versions
from tests.bench.report import Report, Row, table, write_json

_FULL: Final = cases.Sizes(
    rounds=5,
    records=100_000,
    live_records=300_000,
    states=(1_000, 10_000, 100_000),
    new_events=60_000,
    counted=5_000,
    aggregated=50_000,
    curve=(10_000, 100_000, 1_000_000, 10_000_000),
)
_QUICK: Final = cases.Sizes(
    rounds=1,
    records=10_000,
    live_records=10_000,
    states=(100, 1_000),
    new_events=6_000,
    counted=0,
    aggregated=5_000,
    curve=(3_000, 10_000),
)
_CASES: Final = {
    "a": cases.replay,
    "work": cases.work,
    "b": cases.live,
    "c": cases.commits,
    "e": cases.start,
    "f": cases.aggregates,
    "fleet": fleet_cases.fleet,
    "curve": cases.curve,
}
_OURS: Final = ("boto3", "botocore", "msgspec", "pydantic", "aws-kinesis-agg", "protobuf")
_PEERS: Final = ("async-kinesis", "kcl-rs", "aws-lambda-powertools", "boto3", "botocore")


@click.command()
@click.option("--quick", is_flag=True, help="Small sizes, one round: to see that it works.")
@click.option("--seed", default=1, show_default=True, help="Of the simulated traffic.")
@click.option("--rounds", type=click.IntRange(1), help="Interleaved runs of each measurement.")
@click.option("--only", type=click.Choice(list(_CASES)), multiple=True, help="These cases.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write all runs here.")
@click.option(
    "--peers",
    metavar="PYTHON",
    help="An interpreter that has tests/bench/peers/requirements.lock installed. Without it only "
    "the loop and the worker take part.",
)
def main(
    quick: bool,
    seed: int,
    rounds: int | None,
    only: tuple[str, ...],
    json_path: Path | None,
    peers: str | None,
) -> None:
    """Measure the worker beside what one would write or take instead.

    Speeds are records per CPU second of the measured process, all its threads together: what
    one core can do, whatever else the machine does. What is by the clock says so. Each figure is
    the median of the rounds; each ratio the median of the rounds' ratios.
    """
    sizes = _QUICK if quick else _FULL
    if rounds:
        sizes = sizes._replace(rounds=rounds)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = cases.Bench(Path(folder), sizes, seed, peers, _told)
        _told(f"making {sizes.records:,} records")
        measure("runs", "inputs", folder, sizes.records, seed)
        report = _report([], sizes, seed, peers)
        for name in only or _CASES:
            report.rows.extend(_CASES[name](bench))
            if json_path is not None:
                write_json(report, json_path)  # so that what is measured outlives an interruption
    click.echo(table(report), nl=False)


def _report(rows: list[Row], sizes: cases.Sizes, seed: int, peers: str | None) -> Report:
    left_out = [] if peers else ["the peers with a virtual environment of their own"]
    if VALGRIND is None or not sizes.counted:
        left_out.append("instructions: they take valgrind, and a full run")
    return Report(
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
        },
        versions(sys.executable, _OURS),
        versions(peers, _PEERS) if peers else {},
        {"seed": seed, **sizes._asdict()},
        rows,
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
