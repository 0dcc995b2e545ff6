"""The command ``status``: what a worker answers, and the worst calls that its state holds."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.cli.test_health import serving
from tests.cli.test_session import CALL, Owner
from tests.processes import LONGEST_S, command, environment
from tests.scenes import BASE
from worker.cli.main import cli
from worker.telemetry.exposition import exposition
from worker.telemetry.prometheus import own_families
from worker.telemetry.snapshot import TelemetrySnapshot
from worker.telemetry.status_page import STATUS_PATH, status_page

SNAPSHOT = TelemetrySnapshot({"Occurrences": 12, "DeadLetters": 2, "RequestsRefused": 7}, {})
NOW = 1_790_942_400_000
SENT = {"RequestsRefused": NOW - 600_000, "RequestsApplied": NOW - 3_000}
METRICS = {"/metrics": exposition(own_families(SNAPSHOT))}
NO_CALLS = "no calls: there is no state file voice-insights.sqlite"
STATUS = {STATUS_PATH: status_page(SNAPSHOT, SENT, None, NOW).text, **METRICS}


def status(port: int, state: Path) -> Result:
    env = {"VOICE_INSIGHTS_STATE": str(state)}
    return CliRunner(env=env).invoke(cli, ["status", "--health-port", str(port)])


def test_it_shows_what_the_worker_answers_and_marks_what_needs_a_look(tmp_path: Path) -> None:
    with serving(200, STATUS) as port:
        done = status(port, tmp_path / "none.sqlite")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert "! dead letters  2 occurrences" in lines
    assert any(line.startswith("  occurrences   12 read") for line in lines)
    assert "no calls: there is no state file" in done.stderr


def test_it_tells_when_requests_were_sent_and_of_a_worker_without_a_page_how_many(
    tmp_path: Path,
) -> None:
    with serving(200, STATUS) as port:
        lines = status(port, tmp_path / "none.sqlite").stdout.splitlines()
    assert "  requests      applied 3.0 s ago, refused, retried 10 min ago" in lines
    with serving(200, METRICS) as port:
        lines = status(port, tmp_path / "none.sqlite").stdout.splitlines()
    assert "  requests      7 refused, retried" in lines


def test_it_says_why_a_worker_is_not_ready_and_that_it_has_not_committed(tmp_path: Path) -> None:
    text = status_page(None, {}, "starting: no commit yet", NOW).text
    with serving(200, {STATUS_PATH: text}) as port:
        done = status(port, tmp_path / "none.sqlite")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "! not ready     starting: no commit yet",
        "the worker has not committed yet",
    ]


@pytest.mark.parametrize("text", ["", "{}", "<html>", '{"at": 1, "unready": null, "lines": [1]}'])
def test_what_is_not_the_workers_is_called_so(tmp_path: Path, text: str) -> None:
    with serving(200, {STATUS_PATH: text}) as port:
        done = status(port, tmp_path / "none.sqlite")
    assert (done.exit_code, "what answers is not the worker" in done.stdout) == (1, True)


@pytest.mark.slow
def test_watching_goes_on_through_a_workers_end_until_ctrl_c(tmp_path: Path) -> None:
    with serving(200, STATUS) as port:
        watching = subprocess.Popen(
            command(["status", "--watch", "--health-port", port]),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert watching.stdout is not None
        assert "lag" in watching.stdout.readline()
    while "no answer" not in watching.stdout.readline():
        assert watching.poll() is None
    watching.send_signal(signal.SIGINT)
    _, errors = watching.communicate(timeout=LONGEST_S)
    assert (watching.returncode, errors.replace(NO_CALLS, "").strip()) == (0, "")


def test_it_exits_with_1_where_nothing_answers(tmp_path: Path) -> None:
    with serving(200, STATUS) as port:
        pass
    done = status(port, tmp_path / "none.sqlite")
    assert (done.exit_code, f"port {port}" in done.stdout) == (1, True)


def test_it_shows_the_calls_of_the_last_hour_and_no_older_ones(tmp_path: Path) -> None:
    now = time.time_ns() // 1_000_000
    for ago_ms, shown in ((600_000, True), (4_000_000, False)):
        path = tmp_path / f"{ago_ms}.sqlite"
        Owner(path).takes(*((now - ago_ms - BASE + at, name) for at, name in CALL))
        with serving(200, STATUS) as port:
            done = status(port, path)
        assert done.exit_code == 0, done.output
        assert ("VX1" in done.stdout) == shown
