"""``run`` that fetches in a process of its own: what comes out is the same, however it ends."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.live import (
    Aws,
    Live,
    beyond,
    but_for_the_close,
    calls,
    last_revisions,
    portion,
    replayed,
    working,
)
from tests.processes import LONGEST_S
from worker.testing.traffic import simulate

pytestmark = pytest.mark.slow


def reader_of(worker: Live) -> int:
    """The process that reads for the worker: its only child."""
    (child,) = (
        int(status.parent.name)
        for status in Path("/proc").glob("[0-9]*/status")
        if f"PPid:\t{worker.process.pid}\n" in _text(status)
    )
    return child


def wait_for_the_end_of(pid: int) -> None:
    deadline = time.monotonic() + LONGEST_S
    while _text(Path(f"/proc/{pid}/cmdline")):  # of one that has ended, but is known, it is empty
        assert time.monotonic() < deadline, f"{pid} is still there"
        time.sleep(0.02)


def _text(path: Path) -> str:
    """What is in a file; nothing if it has gone."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_what_is_put_comes_out_as_a_replay_has_it_and_only_once(
    endpoint: str, tmp_path: Path
) -> None:
    aws = Aws(endpoint, "apart")
    aws.feed(simulate(calls(30), 11))
    offline = replayed(aws.put, tmp_path)
    with working(aws, tmp_path, namespace="Apart", fetch_process="on") as worker:
        worker.wait_for_sessions(30)
        reader = reader_of(worker)
        assert worker.end() == 0
        assert worker.log_lines[-1]["event"] == "stopped"
        out, counters = worker.out, worker.state.counters
    wait_for_the_end_of(reader)
    assert but_for_the_close(last_revisions(out)) == but_for_the_close(offline.records)
    assert beyond(aws.statistics("Apart", offline.statistics), offline.statistics) == {}

    with working(aws, tmp_path, namespace="Apart", fetch_process="off") as worker:
        before = min(worker.state.clocks.values())
        worker.wait_for(
            lambda: worker.begun and min(worker.state.clocks.values()) > before,
            "every shard to be read again",
        )
        assert worker.end() == 0
        assert worker.out == b""
        assert worker.state.counters == counters


def test_a_reader_that_is_killed_ends_the_worker_with_its_reason_and_costs_nothing(
    endpoint: str, tmp_path: Path
) -> None:
    aws = Aws(endpoint, "bereft")
    aws.feed(simulate(calls(5), 12))
    with working(aws, tmp_path, namespace="Bereft", fetch_process="on") as worker:
        worker.wait_for_sessions(5)
        os.kill(reader_of(worker), signal.SIGKILL)
        assert worker.process.wait(LONGEST_S) == 1
        last = worker.log_lines[-1]
        assert "ended by signal 9" in last["error"]
        out = worker.out
    aws.feed(portion(5, 13))
    offline = replayed(aws.put, tmp_path)
    with working(aws, tmp_path, namespace="Bereft", fetch_process="on") as worker:
        worker.wait_for_sessions(10)
        assert worker.end() == 0
        out += worker.out
    assert but_for_the_close(last_revisions(out)) == but_for_the_close(offline.records)
    assert beyond(aws.statistics("Bereft", offline.statistics), offline.statistics) == {}


def test_a_worker_that_is_killed_takes_its_reader_along(endpoint: str, tmp_path: Path) -> None:
    aws = Aws(endpoint, "orphan")
    with working(aws, tmp_path, fetch_process="on") as worker:
        worker.wait_for(lambda: worker.begun and worker.state.clocks, "a first answer")
        reader = reader_of(worker)
        worker.process.kill()
        worker.process.wait(LONGEST_S)
        wait_for_the_end_of(reader)


def test_signals_that_reach_the_reader_too_leave_its_end_to_the_worker(
    endpoint: str, tmp_path: Path
) -> None:
    aws = Aws(endpoint, "group")
    with working(aws, tmp_path, fetch_process="on") as worker:
        worker.wait_for(lambda: worker.begun and worker.state.clocks, "a first answer")
        reader = reader_of(worker)
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(reader, number)
        assert worker.end(signal.SIGTERM) == 0
        assert worker.log_lines[-1]["event"] == "stopped"
        wait_for_the_end_of(reader)
