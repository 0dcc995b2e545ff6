"""The command ``replay`` among settings, names and contents that weren't made for it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.processes import run
from tests.scenes import records
from worker.cli.main import cli
from worker.errors import BadInput, Misconfigured
from worker.recordings.writer import write_recording
from worker.stream.record import Record


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    write_recording(tmp_path / "r", records([(0, "stt_latency", {"latency_ms": 1})]))
    return tmp_path / "r"


def replay(*arguments: object, **env: str) -> Result:
    return CliRunner(env=env).invoke(cli, ["replay", *map(str, arguments)])


def test_the_workers_settings_in_the_environment_are_no_options_of_a_replay(
    recording: Path,
) -> None:
    done = replay(
        recording,
        VOICE_INSIGHTS_STREAM="my-stream",
        VOICE_INSIGHTS_REGION="eu-west-1",
        VOICE_INSIGHTS_ENDPOINT_URL="http://127.0.0.1:4566",
    )
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("option", ["--region", "--endpoint-url"])
def test_an_option_that_is_given_is_refused_all_the_same(recording: Path, option: str) -> None:
    done = replay(recording, option, "http://127.0.0.1:4566")
    assert isinstance(done.exception, Misconfigured)
    assert str(done.exception).startswith(option)


def test_a_replay_of_nothing_that_can_be_read_fails_and_keeps_all_of_it(tmp_path: Path) -> None:
    write_recording(tmp_path / "r", [Record("s", str(n), n, b"no event", "") for n in range(3)])
    done = replay(tmp_path / "r", "--dead-letters", tmp_path / "d", "--counters", tmp_path / "c")
    assert isinstance(done.exception, BadInput)
    assert f"dead-letters list {tmp_path / 'd'}" in str(done.exception)
    assert len((tmp_path / "d").read_bytes().splitlines()) == 3
    assert json.loads((tmp_path / "c").read_bytes())["dead_letters"] == 3


def test_some_dead_letters_among_events_are_no_failure(recording: Path) -> None:
    with next(recording.iterdir()).open("ab") as file:
        file.write(b"no record\n")
    done = replay(recording)
    assert (done.exit_code, done.stderr.count("1 dead letters")) == (0, 1)


def test_the_dead_letters_of_a_file_whose_name_is_no_utf8_are_written(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / os.fsdecode(b"caf\xe9.jsonl")).write_bytes(b"no record\n")
    done = run("replay", "r", "--dead-letters", "d", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "d").read_bytes())["shard"] == "caf\\xe9"


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_text_of_events_is_shown_on_any_terminal_as_text(tmp_path: Path, encoding: str) -> None:
    message = "[/b] \x1b[2J :warning: \u202egnp \u2013 caf\u00e9"
    scene = [(0, "error_event", {"error_code": 64102, "message": message})]
    write_recording(tmp_path / "r", records(scene))
    assert run("replay", "r", "--sessions", "s", cwd=tmp_path).returncode == 0
    env = {"PYTHONIOENCODING": encoding}
    done = run("session", "VX1", "--records", "s", cwd=tmp_path, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert "[/b] \\x1b[2J :warning: \\u202egnp" in done.stdout
    whole = run("session", "VX1", "--records", "s", "--json", cwd=tmp_path, env=env)
    assert "\u202e" not in whole.stdout
    assert json.loads(whole.stdout)["errors"][0]["message"] == message
