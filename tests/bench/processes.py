"""Processes of the benchmark: one for each measurement, so that none warms up another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
LONGEST_S: Final = 1800.0


class Program(NamedTuple):
    """A module under ``tests.bench`` and its arguments, as ``python`` runs it in the checkout at
    ``root``.
    """

    module: str
    arguments: tuple[object, ...] = ()
    python: str = sys.executable
    root: Path = ROOT
    on_one_core: bool = False


def program(module: str, *arguments: object) -> Program:
    """A program of this checkout, with the interpreter that runs this."""
    return Program(module, arguments)


def environment(root: Path = ROOT) -> dict[str, str]:
    """No settings of the worker's or of AWS's but these.

    Bytecode is kept from run to run, as an installation has it: a start compiles nothing. Texts
    have the same hashes in every process, so that the instructions of a run can be told again.
    """
    left_out = "VOICE_INSIGHTS_", "AWS_", "PYTHONDONTWRITEBYTECODE"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {
        **kept,
        "PYTHONPATH": str(root),
        "PYTHONHASHSEED": "0",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def measure(program: Program, under: Sequence[str] = ()) -> dict[str, Any]:
    """What a program tells of its run, as its last line. Raises RuntimeError if it fails.

    ``on_one_core``: kept there by the system, if it can; else threads take time from one another
    that on one core they wouldn't. ``under``: what runs the interpreter.
    """
    done = subprocess.run(
        [
            *(*under, program.python, "-m", f"tests.bench.{program.module}"),
            *map(str, program.arguments),
        ],
        cwd=program.root,
        env=environment(program.root),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
        preexec_fn=_stay_on_one_core if program.on_one_core else None,
    )
    if done.returncode:
        raise RuntimeError(f"{program.module} {program.arguments}: {done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _stay_on_one_core() -> None:
    if sys.platform == "linux":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


@contextmanager
def serving(arguments: Sequence[object]) -> Iterator[str]:
    """The stub's address, while it serves."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.stub", *map(str, arguments)],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def versions(python: str, packages: Sequence[str]) -> Mapping[str, str]:
    """The versions of packages as that interpreter has them."""
    script = (
        "import json, sys; from importlib.metadata import version;"
        " print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
    )
    done = subprocess.run(
        [python, "-c", script, *packages], capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found
