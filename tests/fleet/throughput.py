"""``python -m tests.fleet.throughput``: records a second of one task and of two, by the clock.

What stands in for AWS, and what puts the records, run on the same cores. So the clock says little
without their shares of the processor's time, which are shown beside it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Final

import click
from rich.table import Table

from tests.fleet.driving import Tasks
from tests.fleet.emulators import fleet_aws
from worker.events.decode import decode_all
from worker.reports.console import console, print_table
from worker.stream.record import Record
from worker.testing.traffic import Traffic, simulated_records

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_AT_ONCE: Final = 0.0
"""The speed at which no record waits for its time."""


def _cpu_s() -> dict[int, float]:
    """The seconds of processor time that each child of this process, and itself, has taken."""
    found = {}
    me = os.getpid()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid, parent = int(path.parent.name), int(fields[1])
        if me in (pid, parent):
            found[pid] = (int(fields[11]) + int(fields[12])) / _TICKS
    return found


def _measured(records: list[Record], number: int) -> tuple[float, dict[str, float]]:
    """Return the seconds until ``number`` tasks have counted all records, and the seconds of
    processor time by what took them.
    """
    occurrences = len(decode_all(records))
    names = [f"task {one + 1}" for one in range(number)]
    with (
        tempfile.TemporaryDirectory(prefix="fleet-") as folder,
        fleet_aws(resharding=False) as aws,
        closing(Tasks(aws, Path(folder), "kcl-rs")) as tasks,
    ):
        tasks.make()
        for name in names:
            tasks.start(name)
        tasks.await_leases({*names})
        before, began = Counter(_cpu_s()), time.monotonic()
        feed = tasks.feed(records, _AT_ONCE)
        tasks.wait_for(lambda: tasks.counters()["occurrences"] >= occurrences, "all to be counted")
        took = time.monotonic() - began
        feed.join()
        spent = Counter(_cpu_s())
        spent.subtract(before)
        of = {one.pid: "tasks" for one in tasks.running.values()} | {os.getpid(): "feeder"}
        shares: Counter[str] = Counter()
        for pid, seconds in spent.items():
            shares[of.get(pid, "emulators")] += seconds
        return took, dict(shares)


@click.command()
@click.option("--sessions", default=600, show_default=True, help="Simulated calls.")
def main(sessions: int) -> None:
    """Measure one task, then two, with the same records."""
    records = list(simulated_records(Traffic(sessions=sessions, stragglers=0), 1))
    table = Table(title=f"{len(records):,} records through a fleet, {os.cpu_count()} cores")
    shares = ("tasks", "emulators", "feeder")
    for column in ("tasks", "seconds", "records/s", *(f"CPU of {one}" for one in shares)):
        table.add_column(column, justify="right")
    for number in (1, 2):
        took, spent = _measured(records, number)
        a_record = (f"{spent.get(one, 0) / len(records) * 1e6:,.0f} µs" for one in shares)
        table.add_row(str(number), f"{took:.1f}", f"{len(records) / took:,.0f}", *a_record)
    print_table(console(sys.stdout), table)


if __name__ == "__main__":
    main()
