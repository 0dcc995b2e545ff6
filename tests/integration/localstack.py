"""LocalStack in host mode, for tests: on a free port, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.processes import ROOT

_HOST: Final = ROOT / "localstack" / "host.sh"
_AWAIT: Final = ROOT / "localstack" / "await.py"
_CLOCK: Final = Path(__file__).with_name("clock.cjs")
_READY_WITHIN_S: Final = 240
_KILLED_WITH_ITS_USER: Final = """
{ "$0" serve "$1" "$2"; kill -KILL 0; } </dev/null &
read -r
kill -KILL 0
"""


class LocalStack(NamedTuple):
    """A LocalStack that is up."""

    endpoint: str
    log: Path
    ahead: Path

    def put_clock_ahead(self, ms: int) -> None:
        """Of its Kinesis, against this machine's clock."""
        there = self.ahead.with_suffix(".new")
        there.write_text(str(ms))
        there.replace(self.ahead)

    def refused(self, code: str) -> int:
        """How many calls it has refused so, since it is up."""
        return self.log.read_text().count(f"({code})")


def lacking() -> str | None:
    """What LocalStack lacks on this machine; None if nothing."""
    if shutil.which("node") is None:
        return "LocalStack needs Node 18 or newer, no node was found"
    if not (ROOT / ".venv-localstack" / ".ready").exists():
        return "LocalStack is not set up; `make test` does it, as does localstack/host.sh setup"
    return None


@contextmanager
def serving(folder: Path) -> Iterator[LocalStack]:
    """LocalStack, ready, until the block ends or this process does."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ahead = folder / "clock"
    log = folder / "log"
    env = {**os.environ, "NODE_OPTIONS": f'--require "{_CLOCK}"', "CLOCK_AHEAD": str(ahead)}
    with log.open("wb") as out:
        guard = subprocess.Popen(
            ["bash", "-c", _KILLED_WITH_ITS_USER, str(_HOST), str(port), str(folder / "data")],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            env=env,
            start_new_session=True,
        )
    with guard:
        try:
            waiting = [sys.executable, str(_AWAIT), str(port), str(_READY_WITHIN_S)]
            done = subprocess.run(waiting, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{done.stderr}{log.read_text()[-2000:]}"
            yield LocalStack(f"http://127.0.0.1:{port}", log, ahead)
        finally:
            os.killpg(guard.pid, signal.SIGKILL)
