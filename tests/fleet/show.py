"""``make fleet``: two tasks share a stream, one of them is killed, and nothing is lost.

Runs for some two minutes, most of which the tasks wait for leases: when they begin, and when those
of the dead task expire.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.table import Table

from tests.fleet.driving import NAMESPACE, Tasks
from tests.fleet.emulators import fleet_aws
from tests.fleet.trials import SHOWN
from worker.events.decode import decode_all
from worker.reports.console import console, print_table
from worker.reports.readback import totals
from worker.reports.record_counts import beside
from worker.reports.tables import MetricRow
from worker.sessions.schema import SessionRecord


def _rows(datums: Iterable[Mapping[str, Any]]) -> list[MetricRow]:
    """A replay's datums as ``totals`` reads them back: by dimensions where there are any."""
    listed = [*datums]
    divided = {one["MetricName"] for one in listed if one["Dimensions"]}
    found = []
    for one in listed:
        if one["Dimensions"] or one["MetricName"] not in divided:
            samples = sum(one["Counts"])
            total = sum(v * n for v, n in zip(one["Values"], one["Counts"], strict=True))
            least, most = min(one["Values"]), max(one["Values"])
            row = MetricRow(
                one["MetricName"], "", one["Unit"], samples, total / samples, least, most
            )
            found.append(row)
    return found


def _table(tasks: Tasks, folder: Path, records: Mapping[str, object]) -> tuple[Table, bool]:
    """CloudWatch beside the fleet's session records, and beside the replay; and whether all are
    equal.
    """
    published = [*totals(tasks.aws.client("cloudwatch"), NAMESPACE, datetime.now(UTC))]
    lines = (json.loads(line) for line in (folder / "m").read_text().splitlines())
    replayed = {one.metric: one.published for one in beside(_rows(lines), [])}
    table = Table(title="What CloudWatch holds, beside the session records and a replay")
    for column in ("metric", "CloudWatch", "session records", "replay"):
        table.add_column(column, justify="left" if column == "metric" else "right")
    same = True
    for one in beside(published, msgspec.convert([*records.values()], list[SessionRecord])):
        replay = replayed.pop(one.metric, 0)
        table.add_row(one.metric, f"{one.published:,}", f"{one.recorded:,}", f"{replay:,}")
        same = same and one.published == one.recorded == replay
    return table, same and not replayed


def main() -> int:
    """Run it; return the exit code."""
    out = console(sys.stdout)
    began = time.monotonic()

    def say(text: str) -> None:
        out.print(f"{time.monotonic() - began:6.1f} s  {text}", soft_wrap=True)

    records = SHOWN.records()
    with (
        tempfile.TemporaryDirectory(prefix="fleet-") as name,
        fleet_aws(resharding=False) as aws,
        closing(Tasks(aws, Path(name), "kcl-rs", holds=SHOWN.holds)) as tasks,
    ):
        tasks.make()
        say(f"two streams of 4 shards, 8 buckets; {len(records):,} records of simulated calls come")
        feed = tasks.feed(records, SHOWN.speed)
        tasks.start("task 1")
        tasks.start("task 2")
        tasks.await_leases({"task 1", "task 2"})
        say(f"both tasks lease shards of both streams; {_shares(tasks)}")
        tasks.end("task 1", signal.SIGKILL)
        say("kill -9 of task 1")
        tasks.await_leases({"task 2"})
        say("task 2 leases all shards")
        feed.join()
        occurrences = len(decode_all(records))
        tasks.wait_for(lambda: tasks.settled(occurrences), "all to be sent")
        say("all records are counted, all sessions closed, all requests sent")
        tasks.end("task 2", signal.SIGTERM)
        offline = tasks.recorded()
        found = tasks.session_records()
        table, same = _table(tasks, Path(name), found)
        print_table(out, table)
        counters = tasks.counters()
        equal = +counters == +offline.counters
        say(
            f"{len(found)} session records of the fleet, {len(offline.records)} of the replay; "
            f"counters {'equal' if equal else 'DIFFERENT'}: {counters['occurrences']:,} "
            f"occurrences, {counters['folded']:,} folded, {counters['duplicates']:,} duplicates, "
            f"{counters['dead_letters']:,} dead letters"
        )
        return 0 if same and equal and len(found) == len(offline.records) else 1


def _shares(tasks: Tasks) -> str:
    return ", ".join(
        f"{role}: " + " and ".join(f"{[*held.values()].count(name)}" for name in tasks.running)
        for role, held in tasks.leases().items()
    )


if __name__ == "__main__":
    sys.exit(main())
