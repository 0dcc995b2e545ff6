"""What all cases of the benchmark share: its sizes, its inputs, and how runs are made in turn."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.bench.inputs import SHARDS, START_MS, today_ms
from tests.bench.instructions import Counted, counted
from tests.bench.processes import Program, measure, program, serving
from worker.testing.moto_server import embedded_aws

Figures = Mapping[str, Any]
Runs = Mapping[str, Callable[[], Program]]

_AT_ONCE: Final = 2  # counts, which nothing that runs beside them disturbs


class Sizes(NamedTuple):
    """How much is measured. ``live``: records and shards of the stream that is read, so many that
    a shard has several full answers. ``states``: open sessions. ``curve``: numbers of records.
    ``counted_...``: the same where instructions are counted.
    """

    rounds: int
    records: int
    live: tuple[int, int]
    states: tuple[int, ...]
    new_events: int
    aggregated: int
    curve: tuple[int, ...]
    counted: int
    counted_live: tuple[int, int]
    counted_sessions: int
    counted_curve: tuple[int, ...]


class Bench(NamedTuple):
    """Where a run keeps its files, how large it is, and who takes part. ``peers``: an interpreter
    that has them; ``before``: another checkout of the project, with an environment in ``.venv``.
    """

    folder: Path
    sizes: Sizes
    seed: int
    peers: str | None
    before: Path | None
    told: Callable[[str], None]

    def interleaved(
        self,
        runs: Runs,
        once: Iterable[str] = (),
        prepare: Callable[[], object] = lambda: None,
    ) -> dict[str, list[Figures]]:
        """Every run once a round, in turn, so that a slow minute befalls all of them; those
        named in ``once`` in the first round only. ``prepare`` is called before each run.
        """
        found: dict[str, list[Figures]] = {name: [] for name in runs}
        for n in range(self.sizes.rounds):
            for name, run in runs.items():
                if n and name in once:
                    continue
                self.told(f"round {n + 1}: {name}")
                prepare()
                found[name].append(measure(run()))
        return found

    def counted(self, runs: Runs) -> dict[str, Counted]:
        """The instructions of every run, a few at once."""
        self.told(f"counting instructions: {', '.join(runs)}")

        def count(name: str) -> Counted:
            found = counted(runs[name]()._replace(on_one_core=False))
            self.told(f"counted: {name}")
            return found

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(runs, pool.map(count, runs), strict=True))

    def inputs(self, records: int, shards: int = SHARDS, *, today: bool = False) -> Path:
        """The folder of the inputs of that size, made on first use; ``today``'s have minutes that a
        service still takes.
        """
        folder = self.folder / f"{records}-{shards}-{today}"
        if not folder.exists():
            self.told(f"making {records:,} records")
            start_ms = today_ms() if today else START_MS
            measure(program("runs", "write_inputs", folder, records, self.seed, shards, start_ms))
        return folder

    def named(self, text: str) -> str:
        """A row's text; ``{before}`` stands for the other checkout's commit."""
        return text if self.before is None else text.format(before=commit_of(self.before))

    def of_before(self, *arguments: object, on_one_core: bool = False) -> Program:
        """A measurement as the other checkout makes it."""
        assert self.before is not None
        python = str(self.before / ".venv" / "bin" / "python")
        return Program("runs", arguments, python, self.before, on_one_core)


def commit_of(checkout: Path) -> str:
    """The commit of a checkout, in short, with a ``+`` if its files have changed since."""
    described = subprocess.run(
        ["git", "describe", "--always", "--abbrev=7", "--exclude=*", "--dirty=+"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown"


def fixed(program: Program) -> Callable[[], Program]:
    """A run that is the same each time."""
    return lambda: program


@contextmanager
def stream(inputs: Path) -> Iterator[str]:
    """The stub on the recording of a folder; what isn't Kinesis's goes to an embedded AWS."""
    with embedded_aws() as others, serving([inputs / "recording", others]) as endpoint:
        yield endpoint


def without(runs: Runs, names: Iterable[str]) -> Runs:
    """The runs but for those of these names."""
    left_out = set(names)
    return {name: run for name, run in runs.items() if name not in left_out}
