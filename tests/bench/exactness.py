"""``python -m tests.bench.exactness``: how exact what is published is, and how long it waits.

Simulated traffic of several seeds, written as recordings, is replayed as live; what is published
is laid beside the session records and beside an offline replay of the same recording. The same
recordings can be given to another checkout of the project (``--against``).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import msgspec

from tests.bench import exactness_probe
from tests.bench.exactness_goals import (
    DEFAULT,
    LOSSY,
    NO_STRAGGLERS,
    SHORT,
    WHOLE,
    WITHIN,
    Run,
    goals,
)
from tests.bench.exactness_report import report
from tests.bench.processes import LONGEST_S, ROOT, environment
from worker.events.decode import decode
from worker.events.event import Event
from worker.recordings.writer import write_recording
from worker.stream.record import Record
from worker.testing.traffic import SimulatedNumbering, Traffic, simulated_records

_TIMED: Final = {
    DEFAULT: Traffic(),
    SHORT: Traffic(delay_median_s=5.0),
    NO_STRAGGLERS: Traffic(stragglers=0.0),
    WITHIN: Traffic(stragglers=0.0),
}
_FOR_PERCENTILES: Final = {WHOLE: Traffic(lost=0.0), LOSSY: Traffic(lost=0.02)}


class Sizes(NamedTuple):
    """How many seeds, and how many sessions a seed: of the traffic by delays, and of that by loss,
    of which percentiles are taken.
    """

    seeds: int
    sessions: int
    sessions_for_percentiles: int


_FULL: Final = Sizes(8, 400, 1_500)
_QUICK: Final = Sizes(2, 300, 300)


class _Input(NamedTuple):
    """A recording to measure. ``exact``: beside an offline replay, too."""

    variant: str
    seed: int
    traffic: Traffic
    exact: bool


@click.command()
@click.option("--quick", is_flag=True, help="Two seeds of 300 sessions: to see that it works.")
@click.option("--seeds", type=click.IntRange(1), help="How many seeds; 8 if not given.")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True)
@click.option(
    "--hold",
    type=click.IntRange(0),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="The setting hold_hole_s; events later than it are counted.",
)
@click.option(
    "--against",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Another checkout, with the interpreter .venv/bin/python: measured as before.",
)
@click.option(
    "--before",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What --json has written of an earlier state, instead of --against.",
)
@click.option(
    "--json",
    "json_path",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write all figures of this checkout here.",
)
def main(
    quick: bool,
    seeds: int | None,
    jobs: int,
    hold: int,
    against: Path | None,
    before: Path | None,
    json_path: Path | None,
) -> None:
    """Measure how exact published metrics are as they are released, not at the end of input.

    Prints Markdown tables: goals, each met or not; times from a minute's end to the release of its
    samples; counts beside what the session records add up to. A few minutes on two cores.
    """
    sizes = _QUICK if quick else _FULL
    if seeds:
        sizes = sizes._replace(seeds=seeds)
    checkouts = [ROOT] if against is None else [ROOT, against.resolve()]
    by_checkout = measure(sizes, checkouts, hold, jobs)
    now = by_checkout[0]
    if json_path is not None:
        json_path.write_text(json.dumps([run._asdict() for run in now]) + "\n", encoding="utf-8")
    earlier = by_checkout[1] if against else _read(before) if before else None
    if earlier and [run[:2] for run in earlier] != [run[:2] for run in now]:
        raise click.UsageError("--before is of other traffic or other seeds")
    click.echo(report(goals(now, earlier), now, earlier), nl=False)


def measure(sizes: Sizes, checkouts: list[Path], hold: int, jobs: int) -> list[list[Run]]:
    """The runs of each checkout, in the order of their inputs."""

    def runs_of(one: _Input) -> list[Run]:
        with tempfile.TemporaryDirectory(prefix="exactness-") as folder:
            recording = Path(folder) / "recording"
            late = _record(one, recording, hold)
            runs = [
                Run(one.variant, one.seed, late, probe(checkout, recording, hold, one.exact))
                for checkout in checkouts
            ]
        found = ", ".join(
            f"{run.figures['retracted']:,} of {run.figures['samples']:,} samples retracted"
            for run in runs
        )
        click.echo(f"{one.variant}, seed {one.seed}: {late:,} events later; {found}", err=True)
        return runs

    with ThreadPoolExecutor(jobs) as pool:
        return [list(runs) for runs in zip(*pool.map(runs_of, _inputs(sizes)), strict=True)]


def probe(checkout: Path, recording: Path, hold: int, exact: bool) -> dict[str, Any]:
    """What the worker of a checkout makes of a recording. Raises RuntimeError if it fails."""
    own = checkout == ROOT
    python = sys.executable if own else str(checkout / ".venv" / "bin" / "python")
    wanted = {
        "recording": str(recording),
        "settings": {"hold_hole_s": hold},
        "exact": exact,
    }
    source = Path(exactness_probe.__file__).read_text(encoding="utf-8")
    done = subprocess.run(
        [python, "-c", source, json.dumps(wanted)],
        cwd=checkout,
        env={**environment(), "PYTHONPATH": str(checkout)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{checkout}, {recording}: {done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _inputs(sizes: Sizes) -> Iterator[_Input]:
    for seed in range(1, sizes.seeds + 1):
        for variant, traffic in _TIMED.items():
            yield _Input(variant, seed, replace(traffic, sessions=sizes.sessions), exact=True)
        for variant, traffic in _FOR_PERCENTILES.items():
            sized = replace(traffic, sessions=sizes.sessions_for_percentiles)
            yield _Input(variant, seed, sized, exact=False)


def _record(one: _Input, recording: Path, hold: int) -> int:
    """Write the recording; how many events arrived first later than the hold, in seconds."""
    late = Late(hold * 1000)
    records = simulated_records(one.traffic, one.seed)
    if one.variant == WITHIN:
        records = within(records, hold * 1000)
    write_recording(recording, late.counting(records), "zst")
    return late.count


def within(records: Iterable[Record], hold: int) -> Iterator[Record]:
    """The same records, none arriving more than ``hold`` ms after its event."""
    moved = []
    for record in records:
        times = [one.timestamp for one in _events(record)]
        moved.append((min([record.arrival, *(time + hold for time in times)]), record))
    numbering = SimulatedNumbering()
    for arrival, record in sorted(moved):
        number = numbering.next_in(record.shard)
        yield msgspec.structs.replace(record, arrival=arrival, sequence_number=number)


def _events(record: Record) -> list[Event]:
    found = (delivery.occurrence for delivery in decode(record))
    return [occurrence for occurrence in found if isinstance(occurrence, Event)]


class Late:
    """Counts the events whose first arrival is more than ``hold`` ms after they happened."""

    def __init__(self, hold: int) -> None:
        self.count = 0
        self._hold = hold
        self._seen: set[tuple[object, ...]] = set()

    def counting(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records, in order of arrival, each counted as it passes."""
        for record in records:
            for event in _events(record):
                self._arrived(event)
            yield record

    def _arrived(self, event: Event) -> None:
        identity = (event.key.session_id, event.timestamp, event.sequence_number, event.name)
        if identity not in self._seen:
            self._seen.add(identity)
            self.count += event.arrival - event.timestamp > self._hold


def _read(path: Path) -> list[Run]:
    return [Run(**one) for one in json.loads(path.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    main()
