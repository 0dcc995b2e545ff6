"""The command ``report``: what it takes, what it writes, and what it says."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.cli.test_session import CALL, HOUR, WRAP_UP, Owner
from tests.processes import LONGEST_S, started
from worker.cli.main import cli
from worker.errors import BadInput
from worker.recordings.writer import write_recording
from worker.testing.traffic import Traffic, simulated_records

CALLS = 6


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recording") / "calls"
    write_recording(folder, simulated_records(Traffic(sessions=CALLS, shards=2), 3))
    return folder


@pytest.fixture(scope="module")
def records(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("records") / "sessions.jsonl"
    invoked("replay", recording, "--sessions", path)
    return path


def invoked(*arguments: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


def report(*arguments: object) -> Result:
    done = invoked("report", *arguments)
    assert done.exit_code == 0, done.output
    return done


def data(*arguments: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(report(*arguments, "--json", "-o", "-").stdout)
    return found


def test_it_writes_one_file_and_says_what_is_in_it(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    done = report(recording, "-o", out)
    assert done.stdout == ""
    assert f"{CALLS} sessions, 2026-10-02T" in done.stderr
    assert f"{out}, {out.stat().st_size:,} bytes" in done.stderr
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_records_and_the_recording_that_they_come_from_give_the_same(
    recording: Path, records: Path
) -> None:
    one, other = data(recording), data(records)
    assert (one.pop("source"), other.pop("source")) == ("recording", "records")
    replayed = one.pop("pipeline")  # only a replay counts what it has read
    assert (replayed["replay"], other.pop("pipeline")) == (True, None)
    assert one == other
    assert len(one["calls"]) == CALLS


def test_equal_inputs_give_equal_bytes(records: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        report(records, "-o", tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_several_places_are_read_as_one_and_a_session_counts_once(
    recording: Path, records: Path
) -> None:
    assert data(recording, records)["fleet"] == data(records)["fleet"]


def test_a_span_a_number_of_calls_and_another_span_can_be_asked_for(records: Path) -> None:
    began = sorted(json.loads(line)["started_at"] for line in records.read_text().splitlines())
    some = data(records, "--from", began[2], "--to", began[5], "--calls", 1)
    assert some["fleet"]["totals"]["sessions"] == 3
    assert len(some["calls"]) == 1
    both = data(records, "--from", began[3], "--against", f"{began[0]}..{began[3]}")
    assert both["against"]["totals"]["sessions"] == both["fleet"]["totals"]["sessions"] == 3


def test_a_title_is_a_text(records: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    report(records, "--title", "</script><b>", "-o", out)
    assert "<b>" not in out.read_text(encoding="utf-8")
    assert data(records, "--title", "Tuesday")["title"] == "Tuesday"


@pytest.mark.parametrize("option", [("--calls", "few"), ("--against", "noon"), ("--from", "noon")])
def test_what_it_cannot_read_it_refuses(records: Path, option: tuple[str, str]) -> None:
    done = invoked("report", records, *option, "-o", "-")
    assert done.exit_code == 2
    assert option[1] in done.output


def test_a_place_that_is_not_there_is_an_error_of_the_input(tmp_path: Path) -> None:
    done = invoked("report", tmp_path / "none", "-o", "-")
    assert isinstance(done.exception, BadInput)


def test_a_folder_that_can_not_be_written_to_is_told_of(records: Path, tmp_path: Path) -> None:
    done = invoked("report", records, "-o", tmp_path)
    assert "can't write" in str(done.exception)


def test_a_state_has_its_open_and_its_closed_sessions(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "state.sqlite")
    owner.takes(*CALL)
    assert data(tmp_path / "state.sqlite")["sessions"]["sid"] == ["VX1"]
    owner.takes(WRAP_UP)
    owner.waits(4 * HOUR)
    found = data(tmp_path / "state.sqlite")
    assert (found["source"], found["sessions"]["end"]) == ("state", ["ended"])


@pytest.mark.slow
def test_it_writes_no_page_onto_a_terminal(records: Path, tmp_path: Path) -> None:
    ours, terminal = pty.openpty()
    with started(
        *("report", records), cwd=tmp_path, stdout=terminal, stderr=subprocess.PIPE
    ) as asked:
        _, said = asked.communicate(timeout=LONGEST_S)
    os.close(ours)
    os.close(terminal)
    assert asked.returncode == 2
    assert said.decode() == "voice-insights: give -o FILE or -o -\n"
