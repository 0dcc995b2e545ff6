"""The program as a process of its own, away from this machine's settings and accounts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

from worker.testing.moto_server import REGION

ROOT: Final = Path(__file__).parent.parent
LONGEST_S: Final = 120.0
"""How long a busy machine may take for anything that a test waits for."""

_FOREIGN: Final = ("VOICE_INSIGHTS_", "AWS_", "COVERAGE_")
AWS: Final = {
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "any",
    "AWS_DEFAULT_REGION": REGION,
}


def environment(more: Mapping[str, str] = {}) -> dict[str, str]:
    """The environment without settings of ours or AWS's, and ``more``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "PYTHONFAULTHANDLER": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **more,
    }


def command(arguments: Sequence[object]) -> list[str]:
    return [sys.executable, "-m", "worker", *map(str, arguments)]


def run(
    *arguments: object, cwd: Path, env: Mapping[str, str] = {}, stdin: IO[bytes] | None = None
) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    return subprocess.run(
        command(arguments),
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )


@contextmanager
def started(
    *arguments: object, cwd: Path, env: Mapping[str, str] = {}, **pipes: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A command under way; it is killed if the block leaves it running."""
    process = subprocess.Popen(
        command(arguments),
        cwd=cwd,
        env=environment(env),
        **{"stdin": subprocess.DEVNULL, **pipes},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def descent(process: int) -> list[int]:
    """The ids of a process and of all that it has started, and they in turn."""
    table = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    parents = [tuple(map(int, line.split())) for line in table.stdout.splitlines()]
    found = [process]
    for known in found:  # it grows
        found += [one for one, parent in parents if parent == known]
    return found


def send(process: int, number: signal.Signals) -> None:
    """Send a signal, if the process is still there."""
    with suppress(ProcessLookupError):
        os.kill(process, number)


@contextmanager
def frozen(process: int) -> Iterator[None]:
    """Freeze a process and all that it has started, until the end of the block."""
    found: list[int] = []
    while more := [one for one in descent(process) if one not in found]:
        for one in more:
            send(one, signal.SIGSTOP)
        found += more
    try:
        yield
    finally:
        for one in found:
            send(one, signal.SIGCONT)
