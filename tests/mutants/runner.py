"""``python -m tests.mutants.runner``, in a copy of the tree: runs tests against one fault after
another.

Each line of standard input is a JSON object: ``path`` and ``source``, a file to change for this
run (none if ``path`` is empty); ``tests``, the files to run; ``within_s``, how long they may take
together. Each line of standard output is the
exit code of pytest; of a run that took too long or was ended by a signal, a number below 0.
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
from typing import Final

import boto3  # noqa: F401
import hypothesis.strategies  # noqa: F401
import msgspec  # noqa: F401
import pydantic_settings  # noqa: F401
import pytest
import structlog  # noqa: F401
import zstandard  # noqa: F401

LONGEST_TEST_S: Final = 60
"""For one test, whose code may turn for ever by now."""

MEMORY: Final = 4 << 30

_OPTIONS: Final = (
    *("-x", "-q", "-n", "0", "-m", "not slow", "-p", "tests.mutants.unshrunk"),
    *("--hypothesis-seed", "0"),
    *("-o", f"faulthandler_timeout={LONGEST_TEST_S}"),
    *("-o", "faulthandler_exit_on_timeout=true"),
)


def main() -> None:
    """Answer each line until standard input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        code = run(asked["path"], asked["source"], asked["tests"], asked["within_s"])
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


def run(path: str, source: str, tests: list[str], within_s: float) -> int:
    """The exit code of the tests while ``path`` is ``source``."""
    if not path:
        return _forked(tests, within_s)
    file = Path(path)
    whole = file.read_text(encoding="utf-8")
    try:
        _write(file, source)
        return _forked(tests, within_s)
    finally:
        _write(file, whole)


def _write(file: Path, source: str) -> None:
    """Without bytecode of what was there: it is told from other bytecode by seconds and size."""
    file.write_text(source, encoding="utf-8")
    for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
        compiled.unlink()


def _forked(tests: list[str], within_s: float) -> int:
    child = os.fork()
    if child == 0:
        _become_pytest(tests)
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -signal.SIGALRM


def _become_pytest(tests: list[str]) -> None:
    """Never returns."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    code = 3
    try:
        code = int(pytest.main([*_OPTIONS, *tests]))
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
