"""What could not be read can be looked at, and put back safely."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from worker.cli.dead_letters import dead_letters
from worker.errors import BadInput
from worker.events.decode import Origin
from worker.partition.dead_letters import (
    TOO_LATE,
    encode_letter,
    occurrence_letter,
    samples_letter,
)
from worker.testing.moto_server import REGION, client_of, embedded_aws
from worker.testing.traffic import Traffic, simulated_records

READABLE = next(iter(simulated_records(Traffic(sessions=1, malformed=0, other_types=0), 1))).data
AGGREGATED = Origin("shard-2", "3", 4, 1_790_942_402_000)
PLACE = Origin("shard-1", "17", None, 1_790_942_400_000)
LETTERS = (
    occurrence_letter("not UTF-8", PLACE, b"\xff\xfe"),
    occurrence_letter("not UTF-8", Origin("shard-1", "18", None, 1_790_942_401_000), b"\xff"),
    occurrence_letter("session_id: empty", AGGREGATED, READABLE),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dead-letters.jsonl"
    path.write_bytes(b"".join(encode_letter(letter) + b"\n" for letter in LETTERS))
    return path


def test_letters_are_counted_by_reason(file: Path) -> None:
    result = CliRunner().invoke(dead_letters, ["list", str(file)])
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["2", "not", "UTF-8", "2", "2026-10-02T12:00:01.000Z", "shard-1"] in rows


def test_as_json_each_reason_has_its_count_and_its_latest(file: Path) -> None:
    result = CliRunner().invoke(dead_letters, ["list", "--json", str(file)])
    first, second = json.loads(result.stdout)
    assert (first["reason"], first["letters"]) == ("not UTF-8", 2)
    assert first["latest"] == {
        "file": str(file),
        "line": 2,
        "time": "2026-10-02T12:00:01.000Z",
        "shard": "shard-1",
    }
    assert (second["letters"], second["latest"]["line"]) == (1, 3)


def test_a_letter_shows_its_place_and_its_bytes(file: Path) -> None:
    result = CliRunner().invoke(dead_letters, ["show", str(file), "1"])
    assert "shard-1, sequence number 17" in result.stdout
    assert "\\xff\\xfe" in result.stdout


def test_a_letter_is_shown_whole_however_long(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    path.write_bytes(encode_letter(occurrence_letter("long", PLACE, b"ab" * 1_000_000)))
    result = CliRunner().invoke(dead_letters, ["show", str(path), "1"])
    assert result.stdout.splitlines()[-1] == "ab" * 1_000_000


def test_a_letter_cannot_tell_the_terminal_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "evil.jsonl"
    sent = "\x1b]0;title\x07\x1b[2Jé\r\x9b31m\tdone\n".encode()
    path.write_bytes(encode_letter(occurrence_letter("no JSON", PLACE, sent)))
    shown = CliRunner().invoke(dead_letters, ["show", str(path), "1"]).stdout.partition("\n\n")[2]
    assert shown == "\\x1b]0;title\\x07\\x1b[2Jé\\x0d\\x9b31m\tdone\n\n"


def test_a_letter_that_is_not_there_is_told_on_one_line(file: Path) -> None:
    result = CliRunner().invoke(dead_letters, ["show", str(file), "9"])
    assert isinstance(result.exception, BadInput)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_text("no letters")
    result = CliRunner().invoke(dead_letters, ["list", str(path)])
    assert isinstance(result.exception, BadInput)


@pytest.mark.slow
def test_only_what_would_not_come_back_is_put_back_once_with_its_very_bytes(
    file: Path,
) -> None:
    with file.open("ab") as lines:
        for letter in (LETTERS[2], occurrence_letter(TOO_LATE, AGGREGATED, READABLE + b" ")):
            lines.write(encode_letter(letter) + b"\n")
        lines.write(encode_letter(samples_letter("CloudWatch calls it invalid", 0, [])) + b"\n")
    anybody = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    with embedded_aws() as endpoint:
        kinesis = client_of("kinesis", endpoint)
        kinesis.create_stream(StreamName="s", ShardCount=1)
        options = ["--into", "s", "--endpoint-url", endpoint, "--region", REGION]
        result = CliRunner(env=anybody).invoke(dead_letters, ["redrive", str(file), *options])
        assert result.exit_code == 0, result.output
        assert result.stdout == (
            "1 dead letters put into s, 5 left: 2 still unreadable, "
            "1 with the same bytes as another, 1 expired, 1 without an event\n"
        )
        shard = kinesis.list_shards(StreamName="s")["Shards"][0]["ShardId"]
        iterator = kinesis.get_shard_iterator(
            StreamName="s", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert [record["Data"] for record in records] == [READABLE]


def test_a_line_torn_by_a_crash_is_told_of_and_hides_no_other(file: Path) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + lines[1][:40] + b"\n" + lines[2])
    result = CliRunner().invoke(dead_letters, ["list", str(file)])
    assert result.exit_code == 0
    assert "2 dead letters" in result.stdout
    assert f"{file}, line 2: not a dead letter" in result.stderr


@pytest.mark.parametrize("command", [["list"], ["redrive", "--into", "s", "--region", REGION]])
def test_a_line_of_an_unknown_version_is_refused_by_its_number_before_anything_is_put(
    file: Path, command: list[str]
) -> None:
    first, *others = file.read_bytes().splitlines()
    later = json.dumps({**json.loads(first), "version": 2, "data": {"of": "another shape"}})
    file.write_bytes(b"\n".join((others[0], later.encode(), others[1])))
    anybody = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    result = CliRunner(env=anybody).invoke(dead_letters, [command[0], str(file), *command[1:]])
    assert isinstance(result.exception, BadInput)
    assert str(result.exception) == (
        f"{file}, line 2: a dead letter of version 2; this release reads version 1"
    )


def test_a_line_holds_the_bytes_in_base64(file: Path) -> None:
    first = json.loads(file.read_bytes().splitlines()[0])
    assert base64.b64decode(first["data"]) == b"\xff\xfe"


@pytest.mark.slow
def test_a_letter_that_the_stream_does_not_take_is_named_and_holds_up_no_other(
    tmp_path: Path,
) -> None:
    path = tmp_path / "letters.jsonl"
    events = [READABLE + b" " * pad for pad in (0, 2 << 20, 1, 2)]
    path.write_bytes(
        b"".join(encode_letter(occurrence_letter("no room", PLACE, one)) + b"\n" for one in events)
    )
    anybody = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    with embedded_aws() as endpoint:
        client_of("kinesis", endpoint).create_stream(StreamName="s", ShardCount=1)
        options = ["--into", "s", "--endpoint-url", endpoint, "--region", REGION]
        result = CliRunner(env=anybody).invoke(dead_letters, ["redrive", str(path), *options])
    assert result.exit_code == 1
    assert result.stdout == "3 dead letters put into s, 1 left: 1 refused by s\n"
    (named,) = [line for line in result.stderr.splitlines() if "left out" in line]
    assert named.startswith(f"{path}, line 2: left out: ")
