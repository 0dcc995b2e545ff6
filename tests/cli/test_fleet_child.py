"""A process for one shard answers the daemon, and ends with it or with the task."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import LONGEST_S, ROOT, environment
from worker.fleet.engine_daemon import TASK_ALIVE

SERVE = """
import sys
from worker.cli.fleet_child import ChildOf

class Idle:
    def initialize(self, shard, after): print("this is not for the daemon")
    def lease_lost(self): pass

class Host:
    def processor(self): return Idle()
    def start(self): pass
    def stop(self, deadline): sys.stderr.write("stopped\\n")

def fail(error):
    import os
    sys.stderr.write(f"{error}\\n"); sys.stderr.flush()
    os._exit(7)

ChildOf("router").serve(Host(), fail, lambda: None, 5.0)
"""


def _child(alive: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", SERVE],
        cwd=ROOT,
        env=environment({TASK_ALIVE: str(alive)}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.slow
def test_it_says_to_the_daemon_what_is_meant_for_it_and_ends_with_it(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    held = os.open(alive, os.O_RDWR)
    with _child(alive) as child:
        action = json.dumps({"action": "initialize", "shardId": "s"}).encode() + b"\n"
        out, errors = child.communicate(action, LONGEST_S)
    os.close(held)
    assert [json.loads(line) for line in out.split()] == [
        {"action": "status", "responseFor": "initialize"}
    ]
    assert b"this is not for the daemon" in errors
    assert b"stopped" in errors
    assert child.returncode == 0


@pytest.mark.slow
def test_it_ends_once_the_task_has(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    held = os.open(alive, os.O_RDWR)
    with _child(alive) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b'{"action": "leaseLost"}\n')
        child.stdin.flush()
        assert child.stdout.readline() == b"\n"  # it is at work
        os.close(held)
        assert child.wait(LONGEST_S) == 7
        child.stdin.close()
