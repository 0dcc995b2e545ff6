"""The command ``status``: what a worker answers, and the worst calls that its state holds."""

from __future__ import annotations

import time
from pathlib import Path

from click.testing import CliRunner, Result

from tests.cli.test_health import serving
from tests.cli.test_session import CALL, Owner
from tests.scenes import BASE
from worker.cli.main import cli
from worker.telemetry.exposition import exposition
from worker.telemetry.prometheus import own_families
from worker.telemetry.snapshot import TelemetrySnapshot

PAGE = exposition(own_families(TelemetrySnapshot({"Occurrences": 12, "DeadLetters": 2}, {})))


def status(port: int, state: Path) -> Result:
    env = {"VOICE_INSIGHTS_STATE": str(state)}
    return CliRunner(env=env).invoke(cli, ["status", "--health-port", str(port)])


def test_it_shows_what_the_worker_answers_and_marks_what_needs_a_look(tmp_path: Path) -> None:
    with serving(200, PAGE) as port:
        done = status(port, tmp_path / "none.sqlite")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert "! dead letters  2 occurrences" in lines
    assert any(line.startswith("  occurrences   12 read") for line in lines)
    assert "no calls: there is no state file" in done.stderr


def test_it_exits_with_1_where_nothing_answers(tmp_path: Path) -> None:
    with serving(200, PAGE) as port:
        pass
    done = status(port, tmp_path / "none.sqlite")
    assert (done.exit_code, f"port {port}" in done.stdout) == (1, True)


def test_it_shows_the_calls_of_the_last_hour_and_no_older_ones(tmp_path: Path) -> None:
    now = time.time_ns() // 1_000_000
    for ago_ms, shown in ((600_000, True), (4_000_000, False)):
        path = tmp_path / f"{ago_ms}.sqlite"
        Owner(path).takes(*((now - ago_ms - BASE + at, name) for at, name in CALL))
        with serving(200, PAGE) as port:
            done = status(port, path)
        assert done.exit_code == 0, done.output
        assert ("VX1" in done.stdout) == shown
