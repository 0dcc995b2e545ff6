"""``python -m tests.mutants``: put faults into the worker, and list those that no test notices."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from random import Random
from typing import Final, Literal

import click

from tests.mutants.mutations import Mutant, mutants
from tests.mutants.runner import OUT_OF_TIME, Asked
from tests.mutants.selection import Near, nearest_tests
from tests.processes import ROOT, environment
from worker.errors import VoiceInsightsError

ROOMS: Final = (
    *("backoff", "identifying", "times", "stream", "metrics", "events", "sessions", "partition"),
    *("sources", "outbox", "state", "service", "replay"),
    *(f"fleet/{name}" for name in ("layout", "keys", "bundles", "chunks", "routing", "receipt")),
)
"""The core, the reader, the outbox, the stores and the service."""

GOAL: Final = 0.95
_WITHIN_S: Final = 600.0
"""For a part of the tests of one fault, on a busy machine; what takes longer has been noticed."""

_ALL_WITHIN_S: Final = 1800.0
_PASSED: Final = (0, 5)
"""Exit codes of pytest's where no test has failed: all have passed, or there was none."""

_SAYS_NOTHING: Final = (3, 4)
"""Exit codes of pytest's own errors, and of wrong usage."""

Fate = Literal["killed", "out of time", "SURVIVED"]


class Copy:
    """A copy of the tree in which tests run against one fault at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def passes(
        self, tests: Sequence[str], mutant: Mutant | None = None, *, slow: bool = False
    ) -> bool:
        """Whether no test fails, with that fault or none. ``slow``: those marked so, or the rest.

        Raises VoiceInsightsError if they can't be run, and TimeoutError if they take too long.
        """
        path, source = ("", "") if mutant is None else (mutant.path, mutant.source)
        within_s = _ALL_WITHIN_S if mutant is None else _WITHIN_S
        asked = Asked(path, source, list(tests), slow, within_s)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked._asdict()) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        if code == OUT_OF_TIME:
            raise TimeoutError(f"tests took more than {within_s:.0f} s: {mutant or 'no fault'}")
        if code in _SAYS_NOTHING:
            raise VoiceInsightsError(f"pytest ended with {code}: {mutant or 'no fault'}")
        return code in _PASSED


@contextmanager
def copied(files: Sequence[str], folder: Path) -> Iterator[Copy]:
    """A copy in ``folder``, and the process that runs tests there."""
    for name in files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
        target.chmod((ROOT / name).stat().st_mode)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.mutants.runner"],
        cwd=folder,
        env=environment({"PYTHONPATH": str(folder)}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Copy(process)
        finally:
            process.kill()


def files_of_the_tree() -> list[str]:
    """All files that git tracks or would."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def drawn(files: Sequence[str], at: Sequence[str], number: int, seed: int) -> list[Mutant]:
    """A sample of all mutants of ``ROOMS``, or all of those lines and modules that ``at`` names."""
    found = [
        mutant
        for name in sorted(files)
        if name.startswith(tuple(f"worker/{room}{end}" for room in ROOMS for end in ("/", ".py")))
        if name.endswith(".py")
        for mutant in mutants(name, (ROOT / name).read_text(encoding="utf-8"))
    ]
    if at:
        return [one for one in found if {one.path, f"{one.path}:{one.line}"} & set(at)]
    return Random(seed).sample(found, min(number, len(found)))


def fate(copy: Copy, near: Near, mutant: Mutant) -> Fate:
    """What the tests say of a fault, the nearest of them first."""
    own = set(near.own)
    others = [test for test in near.all if test not in own]
    try:
        noticed = (
            (near.own and not copy.passes(near.own, mutant))
            or (others and not copy.passes(others, mutant))
            or (near.own and not copy.passes(near.own, mutant, slow=True))
        )
    except TimeoutError:
        return "out of time"
    return "killed" if noticed else "SURVIVED"


def fates(
    chosen: Sequence[Mutant], files: Sequence[str], jobs: int
) -> Iterator[tuple[Mutant, Fate]]:
    """Each fault, in order, and what the tests say of it. Raises VoiceInsightsError if tests fail
    without any fault.
    """
    tests = {
        name: (ROOT / name).read_text(encoding="utf-8")
        for name in files
        if name.startswith("tests/") and Path(name).name.startswith("test_")
    }
    of = {path: nearest_tests(path, tests) for path in {one.path for one in chosen}}
    with ExitStack() as stack:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for _ in range(jobs):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mutants-"))
            copies.put(stack.enter_context(copied(files, Path(folder))))
        sound = copies.get()
        if not sound.passes(sorted({test for one in of.values() for test in one.all})):
            raise VoiceInsightsError("tests fail without any fault")
        copies.put(sound)

        def found(mutant: Mutant) -> Fate:
            copy = copies.get()
            try:
                return fate(copy, of[mutant.path], mutant)
            finally:
                copies.put(copy)

        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        yield from zip(chosen, pool.map(found, chosen), strict=True)


@click.command()
@click.option("--number", default=200, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True, help="Of the draw.")
@click.option("--jobs", default=2, show_default=True, type=click.IntRange(1))
@click.option(
    "--at",
    multiple=True,
    metavar="FILE[:LINE]",
    help="All mutants of a module or line, instead of a sample; may be given more than once.",
)
def main(number: int, seed: int, jobs: int, at: tuple[str, ...]) -> None:
    """Draw faults by a seed, show each to the tests that mirror its module, list the survivors.

    Exits with 1 if fewer than 95 % are noticed.
    """
    files = files_of_the_tree()
    chosen = drawn(files, at, number, seed)
    began = time.monotonic()
    ends = Counter[Fate]()
    alive = []
    for number, (mutant, end) in enumerate(fates(chosen, files, jobs), 1):
        click.echo(f"{number}/{len(chosen)} {end} {mutant}", err=True)
        ends[end] += 1
        if end == "SURVIVED":
            alive.append(mutant)
    killed = len(chosen) - len(alive)
    kinds = Counter(one.kind for one in chosen)
    click.echo("".join(f"{one}\n" for one in alive), nl=False)
    click.echo(
        f"{killed} of {len(chosen)} killed ({killed / max(1, len(chosen)):.1%};"
        f" {ends['out of time']} of them by time alone) in"
        f" {(time.monotonic() - began) / 60:.0f} min; drawn with seed {seed}:"
        f" {', '.join(f'{count} {kind}' for kind, count in kinds.most_common())}"
    )
    raise SystemExit(0 if killed >= GOAL * len(chosen) else 1)


if __name__ == "__main__":
    main()
