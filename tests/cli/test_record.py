"""The command ``record``, against an embedded AWS and as a process."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner, Result

from tests.processes import AWS, LONGEST_S, started
from worker.cli.record import at_tip, final_failure, record
from worker.errors import Misconfigured, Unreachable
from worker.recordings.reader import read_recording
from worker.sources.kinesis.api import StreamFailure, StreamFailureKind
from worker.sources.kinesis.reader_events import BackedOff
from worker.sources.kinesis.scheduler import ShardView
from worker.sources.kinesis.shard_consumer import ShardStage
from worker.stream.record import Record
from worker.testing.moto_server import client_of


def filled(endpoint: str, stream: str, count: int, shards: int = 3) -> Any:
    client = client_of("kinesis", endpoint)
    client.create_stream(StreamName=stream, ShardCount=shards)
    put(client, stream, range(count))
    return client


def put(client: Any, stream: str, numbers: range) -> None:
    for number in numbers:
        client.put_record(StreamName=stream, Data=b"%d" % number, PartitionKey=f"k{number}")


def split(client: Any, stream: str) -> None:
    client.split_shard(
        StreamName=stream,
        ShardToSplit="shardId-000000000000",
        NewStartingHashKey=str(2**127),
    )


def run(endpoint: str, *arguments: str) -> Result:
    runner = CliRunner(env=AWS)
    return runner.invoke(record, [*arguments, "--endpoint-url", endpoint])


def recording(
    endpoint: str, stream: str, folder: Path
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """The command as a process of its own."""
    options = (stream, "--out", folder, "--endpoint-url", endpoint)
    return started("record", *options, cwd=folder, env=AWS, stderr=subprocess.PIPE)


def until_read(told: IO[bytes]) -> None:
    """Wait for the first records: until standard error speaks of them."""
    assert any(b"records read" in line for line in told)


def records(folder: Path) -> list[Record]:
    return [item for item in read_recording(str(folder)) if isinstance(item, Record)]


@pytest.mark.slow
def test_up_to_the_tip_a_recording_holds_the_stream(endpoint: str, tmp_path: Path) -> None:
    client = filled(endpoint, "whole", 40)
    done = run(endpoint, "whole", "--out", str(tmp_path), "--until-tip")
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert "40 records" in done.stderr
    assert sorted(int(r.data) for r in records(tmp_path)) == list(range(40))
    assert all(r.partition_key == f"k{int(r.data)}" for r in records(tmp_path))
    shards = [shard["ShardId"] for shard in client.list_shards(StreamName="whole")["Shards"]]
    assert sorted(place.name for place in tmp_path.iterdir()) == [
        f"{shard}.jsonl.zst" for shard in sorted(shards)
    ]


@pytest.mark.slow
def test_after_a_split_parents_and_children_are_read(endpoint: str, tmp_path: Path) -> None:
    client = filled(endpoint, "split", 20, shards=1)
    split(client, "split")
    put(client, "split", range(20, 40))
    done = run(endpoint, "split", "--out", str(tmp_path), "--until-tip", "--compress", "none")
    assert done.exit_code == 0, done.output
    assert sorted(int(r.data) for r in records(tmp_path)) == list(range(40))
    assert len(list(tmp_path.glob("*.jsonl"))) == 3


@pytest.mark.slow
@pytest.mark.parametrize("place", ["latest", "2100-01-01T00:00:00Z"])
def test_what_was_there_before_is_left_out(endpoint: str, tmp_path: Path, place: str) -> None:
    stream = f"before-{place[0]}"
    filled(endpoint, stream, 5)
    time.sleep(1.1)  # the latest is a time in whole seconds
    done = run(endpoint, stream, "--out", str(tmp_path), "--until-tip", "--from", place)
    assert done.exit_code == 0, done.output
    assert records(tmp_path) == []


@pytest.mark.slow
def test_an_instant_gives_what_came_from_then_on(endpoint: str, tmp_path: Path) -> None:
    filled(endpoint, "since", 5)
    start = "2020-01-01T00:00:00Z"
    done = run(endpoint, "since", "--out", str(tmp_path), "--until-tip", "--from", start)
    assert done.exit_code == 0, done.output
    assert len(records(tmp_path)) == 5


@pytest.mark.slow
def test_it_ends_after_its_seconds(endpoint: str, tmp_path: Path) -> None:
    filled(endpoint, "short", 5)
    done = run(endpoint, "short", "--out", str(tmp_path), "--seconds", "1")
    assert done.exit_code == 0, done.output
    assert f"{len(records(tmp_path))} records in" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_complete_files(
    endpoint: str, tmp_path: Path, number: signal.Signals
) -> None:
    stream = f"signalled-{int(number)}"
    filled(endpoint, stream, 30)
    with recording(endpoint, stream, tmp_path) as process:
        assert process.stderr is not None
        until_read(process.stderr)
        process.send_signal(number)
        rest = process.stderr.read().decode()
        assert process.wait(LONGEST_S) == 0
    found = list(read_recording(str(tmp_path)))
    assert all(isinstance(item, Record) for item in found)
    assert found
    assert f"{len(found)} records in" in rest


@pytest.mark.slow
def test_a_stream_that_is_not_there_is_one_clear_line(endpoint: str, tmp_path: Path) -> None:
    done = run(endpoint, "nowhere", "--out", str(tmp_path))
    assert isinstance(done.exception, Misconfigured)
    assert "ResourceNotFoundException" in str(done.exception)
    assert "\n" not in str(done.exception)


@pytest.mark.slow
def test_a_stream_that_is_deleted_meanwhile_ends_it(endpoint: str, tmp_path: Path) -> None:
    client = filled(endpoint, "deleted", 5, shards=1)
    with recording(endpoint, "deleted", tmp_path) as process:
        assert process.stderr is not None
        until_read(process.stderr)
        client.delete_stream(StreamName="deleted")
        rest = process.stderr.read()
        assert process.wait(LONGEST_S) == Misconfigured.exit_code
    assert b"the stream can't be read" in rest
    assert len(records(tmp_path)) == 5


@pytest.mark.slow
def test_from_the_latest_on_shards_that_are_closed_are_not_in_the_recording(
    endpoint: str, tmp_path: Path
) -> None:
    client = filled(endpoint, "closed", 0, shards=1)
    split(client, "closed")
    done = run(endpoint, "closed", "--out", str(tmp_path), "--until-tip", "--from", "latest")
    assert done.exit_code == 0, done.output
    assert sorted(place.name for place in tmp_path.iterdir()) == [
        f"shardId-00000000000{number}.jsonl.zst" for number in (1, 2)
    ]


def view(stage: ShardStage, millis_behind: int | None = 0, undelivered: int = 0) -> ShardView:
    return ShardView("s", stage, millis_behind, False, undelivered, 0, None)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (view(ShardStage.READING), True),
        (view(ShardStage.ENDED), True),
        (view(ShardStage.READING, None), False),
        (view(ShardStage.READING, 1), False),
        (view(ShardStage.READING, 0, 1), False),
        (view(ShardStage.ENDED, 0, 1), False),
        (view(ShardStage.WAITING), False),
        (view(ShardStage.ENDING), False),
    ],
)
def test_the_tip_is_where_every_shard_is_handed_over(one: ShardView, expected: bool) -> None:
    assert at_tip([view(ShardStage.READING), one]) is expected


def test_a_stream_that_lists_no_shard_is_not_read_to_its_tip() -> None:
    assert not at_tip([])


@pytest.mark.parametrize(
    ("shard", "kind", "attempt", "expected"),
    [
        ("s", StreamFailureKind.DENIED, 1, type(None)),
        ("s", StreamFailureKind.DENIED, 3, Misconfigured),
        ("", StreamFailureKind.GONE, 1, Misconfigured),
        ("s", StreamFailureKind.GONE, 1, type(None)),
        ("s", StreamFailureKind.THROTTLED, 100, type(None)),
        ("s", StreamFailureKind.EXPIRED, 1, type(None)),
        ("s", StreamFailureKind.UNAVAILABLE, 7, type(None)),
        ("s", StreamFailureKind.UNAVAILABLE, 8, Unreachable),
    ],
)
def test_a_failure_that_trying_again_does_not_mend_ends_it(
    shard: str, kind: StreamFailureKind, attempt: int, expected: type
) -> None:
    assert type(final_failure(BackedOff(shard, StreamFailure(kind, "why"), attempt, 0))) is expected


def test_a_folder_with_a_recording_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text("")
    done = run("http://127.0.0.1:1", "any", "--out", str(tmp_path))
    assert isinstance(done.exception, Misconfigured)
    assert "holds a recording already" in str(done.exception)


@pytest.mark.parametrize(
    "arguments",
    [[], ["s"], ["s", "--out", "r", "--from", "noon"], ["s", "--out", "r", "--seconds", "x"]],
)
def test_a_wrong_option_ends_with_2(arguments: list[str]) -> None:
    done = run("http://127.0.0.1:1", *arguments)
    assert done.exit_code == 2
    assert "Error: " in done.stderr
