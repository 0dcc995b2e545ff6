"""Any command ends well whatever its standard streams are."""

from __future__ import annotations

import subprocess
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from tests.processes import LONGEST_S, command, environment
from tests.scenes import records
from worker.cli.streams import ClosedOutput
from worker.errors import Misconfigured
from worker.opening import Locations
from worker.recordings.writer import write_recording


def run(redirection: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command whose streams the shell has redirected so."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *command(arguments)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    write_recording(tmp_path / "r", records([(0, "stt_latency", {"latency_ms": 1})]))
    return tmp_path / "r"


@pytest.mark.parametrize(
    "arguments", [("config",), ("schema",), ("replay", "r", "--counters", "-")]
)
def test_a_command_that_has_nowhere_to_print_says_so(
    recording: Path, arguments: tuple[str, ...]
) -> None:
    done = run(">&-", *arguments, cwd=recording.parent)
    assert done.returncode == 2
    assert done.stderr.endswith("voice-insights: standard output is closed\n")
    assert "Traceback" not in done.stderr


def test_a_command_that_prints_nothing_needs_no_standard_output(recording: Path) -> None:
    done = run(">&-", "replay", "r", "--sessions", "s.jsonl", cwd=recording.parent)
    assert (done.returncode, done.stderr) == (0, "1 occurrences, 1 events, 1 sessions\n")


def test_what_is_meant_for_a_closed_standard_error_goes_into_no_file(recording: Path) -> None:
    whole = run("", "replay", "r", "--sessions", "s.jsonl", cwd=recording.parent)
    expected = (recording.parent / "s.jsonl").read_bytes()
    done = run("2>&- >&- <&-", "replay", "r", "--sessions", "s.jsonl", cwd=recording.parent)
    assert (whole.returncode, done.returncode) == (0, 0)
    assert (recording.parent / "s.jsonl").read_bytes() == expected


def test_a_closed_standard_input_is_no_recording(tmp_path: Path) -> None:
    done = run("<&-", "replay", "-", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_full_disk_behind_standard_output_is_told_in_one_line(tmp_path: Path) -> None:
    done = run(">/dev/full", "schema", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_records_that_have_nowhere_to_go_are_told_by_their_setting() -> None:
    with redirect_stdout(ClosedOutput()), pytest.raises(Misconfigured, match=r"^records: standard"):
        Locations(None, None).records("-")
