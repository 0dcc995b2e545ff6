"""The command ``replay``: what it refuses, what it leaves alone, and which settings it goes by."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO, Any

import pytest
from click.testing import CliRunner, Result

from tests.processes import LONGEST_S, command, environment, run, started
from worker.cli.main import cli
from worker.errors import BadInput, Misconfigured, VoiceInsightsError
from worker.recordings.writer import write_recording
from worker.testing.traffic import Traffic, simulated_records


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recording") / "calls"
    write_recording(folder, simulated_records(Traffic(sessions=4, shards=2), 3))
    return folder


def replay(*arguments: object, env: Mapping[str, str] = {}) -> Result:
    return CliRunner(env=dict(env)).invoke(cli, ["replay", *map(str, arguments)])


def metrics(recording: Path, env: Mapping[str, str]) -> list[dict[str, Any]]:
    done = replay(recording, "--metrics", "-", env=env)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_outputs_are_those_that_were_asked_for(recording: Path, tmp_path: Path) -> None:
    done = replay(recording, "--sessions", tmp_path / "s.jsonl")
    assert done.exit_code == 0, done.output
    assert [path.name for path in tmp_path.iterdir()] == ["s.jsonl"]
    assert done.stdout == ""
    assert "4 sessions" in done.stderr


def test_without_an_output_it_still_tells_what_a_recording_holds(recording: Path) -> None:
    done = replay(recording)
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert "occurrences" in done.stderr


def test_of_an_empty_recording_it_tells_that_nothing_occurred(tmp_path: Path) -> None:
    (tmp_path / "quiet.jsonl").touch()
    done = replay(tmp_path / "quiet.jsonl")
    assert (done.exit_code, done.stderr) == (0, "0 occurrences\n")


def test_a_dash_is_standard_output_and_carries_nothing_else(recording: Path) -> None:
    done = replay(recording, "--sessions", "-")
    assert done.exit_code == 0, done.output
    assert len([json.loads(line)["session_id"] for line in done.stdout.splitlines()]) == 4


def test_an_output_replaces_what_an_earlier_replay_wrote(recording: Path, tmp_path: Path) -> None:
    path = tmp_path / "counters.json"
    path.write_text("x" * 100_000)
    assert replay(recording, "--counters", path).exit_code == 0
    assert json.loads(path.read_text())["sessions_closed"] == 4


def test_a_device_may_be_an_output_any_number_of_times(recording: Path) -> None:
    done = replay(recording, "--sessions", os.devnull, "--metrics", os.devnull)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("made", "why"),
    [("missing", "No such file"), ("empty", "no recording here"), ("gone.jsonl", "No such file")],
)
def test_a_path_without_a_recording_is_refused(tmp_path: Path, made: str, why: str) -> None:
    (tmp_path / "empty").mkdir()
    kept = tmp_path / "kept"
    kept.write_text("of an earlier replay")
    done = replay(tmp_path / made, "--sessions", kept)
    assert isinstance(done.exception, BadInput)
    assert made in str(done.exception)
    assert why in str(done.exception)
    assert kept.read_text() == "of an earlier replay"


def test_if_one_output_cannot_be_written_none_is_written_over(
    recording: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.write_text("of an earlier replay")
    done = replay(recording, "--sessions", kept, "--counters", tmp_path / "no" / "such")
    assert isinstance(done.exception, Misconfigured)
    assert str(tmp_path / "no" / "such") in str(done.exception)
    assert kept.read_text() == "of an earlier replay"


def test_an_output_is_never_the_recording_itself(recording: Path) -> None:
    shard = recording / "shardId-000000000000.jsonl"
    before = shard.read_bytes()
    for path in (recording, shard):
        done = replay(path, "--sessions", shard)
        assert isinstance(done.exception, Misconfigured)
        assert shard.name in str(done.exception)
    assert shard.read_bytes() == before


def test_an_output_never_becomes_a_shard_of_the_recording(recording: Path) -> None:
    before = sorted(recording.iterdir())
    done = replay(recording, "--sessions", recording / "sessions.jsonl")
    assert isinstance(done.exception, Misconfigured)
    assert sorted(recording.iterdir()) == before


def test_two_outputs_never_share_a_file(recording: Path, tmp_path: Path) -> None:
    path = tmp_path / "both"
    done = replay(recording, "--sessions", path, "--metrics", tmp_path / "." / "both")
    assert isinstance(done.exception, Misconfigured)
    assert not path.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_one_clear_line(recording: Path) -> None:
    done = replay(recording, "--metrics", "/dev/full")
    assert isinstance(done.exception, VoiceInsightsError)
    assert "No space left" in str(done.exception)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--into", "s", "--sessions", "s.jsonl"], "--sessions"),
        (["--into", "s", "--as-live"], "--as-live"),
        (["--speed", "2"], "--speed"),
        (["--speed", "0"], "--speed"),
        (["--shift-to-now"], "--shift-to-now"),
        (["--region", "us-east-1"], "--region"),
        (["--endpoint-url", "http://127.0.0.1:1"], "--endpoint-url"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    recording: Path, options: list[str], named: str
) -> None:
    done = replay(recording, *options)
    assert isinstance(done.exception, Misconfigured)
    assert named in str(done.exception)
    assert "--into" in str(done.exception)


@pytest.mark.parametrize(
    ("options", "named"),
    [(["--no-such"], "--no-such"), (["--speed", "fast", "--into", "s"], "--speed"), (["x"], "x")],
)
def test_a_wrong_option_is_refused(recording: Path, options: list[str], named: str) -> None:
    done = replay(recording, *options)
    assert done.exit_code == 2
    assert named in done.stderr


def test_a_wrong_setting_is_named(recording: Path) -> None:
    done = replay(recording, env={"VOICE_INSIGHTS_HOLD_DIRECT_S": "soon"})
    assert isinstance(done.exception, Misconfigured)
    assert "VOICE_INSIGHTS_HOLD_DIRECT_S" in str(done.exception)
    assert "soon" in str(done.exception)


def test_the_namespace_is_the_settings(recording: Path) -> None:
    found = metrics(recording, {"VOICE_INSIGHTS_NAMESPACE": "Mine"})
    assert {datum["Namespace"] for datum in found} == {"Mine"}


def test_the_dimensions_are_the_settings(recording: Path) -> None:
    env = {"VOICE_INSIGHTS_DIMENSIONS": json.dumps({"CallerWait": [["Voice", "Language"]]})}
    sets = {
        (datum["MetricName"], *(dimension["Name"] for dimension in datum["Dimensions"]))
        for datum in metrics(recording, env)
    }
    own = {"Interruptions", "SessionsEnded", "Errors"}
    (further,) = {one for one in sets if len(one) > 1 and one[0] not in own}
    assert sorted(further) == ["CallerWait", "Language", "Voice"]


def test_the_labels_are_the_settings(recording: Path) -> None:
    record = json.loads(replay(recording, "--sessions", "-").stdout.splitlines()[0])
    labels = {record["account_sid"]: {"Environment": "prod"}}
    for datum in metrics(recording, {"VOICE_INSIGHTS_LABELS": json.dumps(labels)}):
        assert {"Name": "Environment", "Value": "prod"} in datum["Dimensions"]


def test_a_settings_file_serves_as_well(recording: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('namespace = "FromFile"\n')
    done = replay(recording, "--metrics", "-", "--config", path)
    assert json.loads(done.stdout.splitlines()[0])["Namespace"] == "FromFile"


def test_as_live_each_session_is_written_once_at_its_last_revision(tmp_path: Path) -> None:
    late = Traffic(sessions=12, delay_median_s=120, delay_sigma=2.0, stragglers=0.02)
    write_recording(tmp_path / "calls", simulated_records(late, 5))
    done = replay(tmp_path / "calls", "--as-live", "--sessions", "-")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert len({record["session_id"] for record in records}) == len(records) == 12
    assert max(record["revision"] for record in records) > 1


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["nowhere"], [".", "--speed", "1"], [".", "--what"], ["."]])
def test_as_a_process_what_it_refuses_is_one_line_and_exit_2(
    tmp_path: Path, arguments: list[str]
) -> None:
    done = run("replay", *arguments, "--sessions", "s.jsonl", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("voice-insights: ")
    assert list(tmp_path.iterdir()) == []


def _with_ctrl_c() -> None:
    """A job in the background of a shell is started deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _feed(pipe: IO[bytes], line: bytes) -> None:
    """Lines without end, until nobody reads them any more."""
    with suppress(BrokenPipeError), pipe:
        while True:
            pipe.write(line * 1000)


@pytest.mark.slow
def test_ctrl_c_ends_a_long_replay_with_one_line(tmp_path: Path) -> None:
    line = json.dumps({"Data": "e" * 200, "ApproximateArrivalTimestamp": 1}).encode() + b"\n"
    with started(
        "replay",
        "-",
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_with_ctrl_c,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        feeder = Thread(target=_feed, args=(process.stdin, line), daemon=True)
        feeder.start()
        assert b"records replayed" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        told = process.stderr.read().decode().splitlines()
        code = process.wait(LONGEST_S)
        feeder.join(LONGEST_S)
    assert code in (1, 130)
    assert [one for one in told if one and "records replayed" not in one] == ["Aborted!"]


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_traceback(recording: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        command(["replay", recording, "--metrics", "-"]),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        rest = process.stderr.read().decode()
        process.wait(LONGEST_S)
    assert "Traceback" not in rest
    assert "Exception" not in rest
