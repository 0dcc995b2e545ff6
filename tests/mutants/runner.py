"""``python -m tests.mutants.runner``, in a copy of the tree: runs tests against one fault after
another.

Each line of standard input is a JSON object: ``path`` and ``source``, a file to change for this
run (none if ``path`` is empty); ``tests``, the files to run; ``slow``, whether to run those of
their tests that are marked so, or the others; ``within_s``, how long they may take together. Each
line of standard output is pytest's exit code; a number below 0 if it was ended by a signal.
What all runs import is imported once: each is a fork.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

import boto3  # noqa: F401
import hypothesis.strategies  # noqa: F401
import msgspec  # noqa: F401
import pydantic_settings  # noqa: F401
import pytest
import structlog  # noqa: F401
import zstandard  # noqa: F401

OUT_OF_TIME: Final = -signal.SIGALRM
"""In place of an exit code: the tests took too long and were ended."""

LONGEST_TEST_S: Final = 150
"""For one test, whose code may turn for ever by now."""

MEMORY: Final = 4 << 30

_OPTIONS: Final = (
    *("-x", "-q", "-n", "0", "-p", "tests.mutants.unshrunk"),
    *("--hypothesis-seed", "0"),
    *("-o", f"faulthandler_timeout={LONGEST_TEST_S}"),
    *("-o", "faulthandler_exit_on_timeout=true"),
)


class Asked(NamedTuple):
    """A line of standard input."""

    path: str
    source: str
    tests: list[str]
    slow: bool
    within_s: float


def main() -> None:
    """Answer each line until standard input ends."""
    for line in sys.stdin:
        code = run(Asked(**json.loads(line)))
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


def run(asked: Asked) -> int:
    """The exit code of the tests while the file is as asked."""
    if not asked.path:
        return _forked(asked)
    file = Path(asked.path)
    whole = file.read_text(encoding="utf-8")
    try:
        _write(file, asked.source)
        return _forked(asked)
    finally:
        _write(file, whole)


def _write(file: Path, source: str) -> None:
    """Without bytecode of what was there: it is told from other bytecode by seconds and size."""
    file.write_text(source, encoding="utf-8")
    for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
        compiled.unlink()


def _forked(asked: Asked) -> int:
    child = os.fork()
    if child == 0:
        _become_pytest(asked)
    deadline = time.monotonic() + asked.within_s
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return OUT_OF_TIME


def _become_pytest(asked: Asked) -> None:
    """Never returns."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    code = 3
    try:
        code = int(
            pytest.main([*_OPTIONS, "-m", "slow" if asked.slow else "not slow", *asked.tests])
        )
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
