"""The command ``simulate``, as a person calls it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.testing.reading import events
from worker.cli.simulate import simulate
from worker.errors import Misconfigured
from worker.recordings.reader import read_recording
from worker.stream.record import Record
from worker.testing.moto_server import REGION, client_of
from worker.testing.traffic import Traffic
from worker.testing.traffic import simulated_records as simulated
from worker.times.rfc3339 import format_ms

AWS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": REGION}

KINDS = b"com.twilio.voice.insights.call-event.gateway", b"com.voiceinsights.pinecall.call-event"


def run(*arguments: str) -> Result:
    return CliRunner(env=AWS).invoke(simulate, list(arguments))


def records(folder: Path) -> list[Record]:
    return [item for item in read_recording(str(folder)) if isinstance(item, Record)]


def test_its_defaults_are_those_of_the_simulator(tmp_path: Path) -> None:
    done = run("--out", str(tmp_path / "r"), "--sessions", "30")
    assert done.exit_code == 0, done.output
    assert records(tmp_path / "r") == sorted(
        simulated(Traffic(sessions=30), 1), key=lambda r: (r.arrival, r.shard)
    )


def test_standard_output_stays_empty_and_standard_error_tells_the_count(tmp_path: Path) -> None:
    done = run("--out", str(tmp_path / "r"), "--sessions", "3")
    assert done.stdout == ""
    assert f"{len(records(tmp_path / 'r')):,} records of 3 sessions" in done.stderr


def test_every_option_reaches_the_simulator(tmp_path: Path) -> None:
    out = tmp_path / "r"
    options = (
        "--sessions 9 --shards 7 --seed 5 --start 2026-01-01T00:00:00Z --spread 2h "
        "--delay-median 0 --delay-sigma 1 --stragglers 0 --duplicates 0 --lost 0 --malformed 0 "
        "--other-types 0 --aggregates 0 --turns 3 --barge-ins 0 --key-presses 0 --coughs 0 "
        "--back-to-back 0 --tool-delays 0 --fillers 0 --preemptions 0 --media 0 --digits 0 "
        "--silences 0 --language-changes 0 --errors 0 --early-hellos 0 --no-greeting 1 "
        "--no-wrap-up 1 --novelties 0 --bad-latencies 0 --compress gz"
    )
    done = run("--out", str(out), *options.split())
    assert done.exit_code == 0, done.output
    assert [place.name for place in sorted(out.iterdir())] == [
        f"shardId-{n:012d}.jsonl.gz" for n in range(7)
    ]
    seen = events(records(out))
    assert {event.name for event in seen} == {
        "configurations",
        "start_of_customer_speech",
        "stt_latency",
        "end_of_customer_speech",
        "prompt_sent",
        "first_token_received",
        "final_token_received",
        "tts_latency",
        "start_of_agent_speech",
        "end_of_agent_speech",
    }
    starts = [event.timestamp for event in seen if event.name == "configurations"]
    assert len(starts) == 9
    assert 1_767_225_600_000 <= min(starts) < max(starts) < 1_767_225_600_000 + 2 * 3_600_000


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--out {r} --into s",
        "--out {r} --duplicates 1.5",
        "--out {r} --duplicates many",
        "--out {r} --lost nan",
        "--out {r} --start yesterday",
        "--out {r} --spread long",
        "--out {r} --delay-median -1",
        "--out {r} --turns 0",
        "--out {r} --shards 0",
        "--out {r} --speed 1",
        "--out {r} --shift-to-now",
        "--out {r} --compress rar",
        "--nonsense",
    ],
)
def test_a_wrong_option_ends_with_2_and_says_which(options: str, tmp_path: Path) -> None:
    done = run(*options.format(r=tmp_path / "r").split())
    assert done.exit_code == 2
    assert "Error: " in done.stderr
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("option", ["--speed=1", "--shift-to-now", "--keep-times"])
def test_of_options_for_a_stream_the_one_that_was_given_is_named(
    option: str, tmp_path: Path
) -> None:
    done = run("--out", str(tmp_path / "r"), option)
    assert f"Error: {option.partition('=')[0]} goes with --into" in done.stderr


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    assert run("--out", str(tmp_path), "--sessions", "1").exit_code == 0
    before = records(tmp_path)
    done = run("--out", str(tmp_path), "--sessions", "2")
    assert isinstance(done.exception, Misconfigured)
    assert records(tmp_path) == before


def test_no_sessions_make_a_recording_without_events(tmp_path: Path) -> None:
    done = run("--out", str(tmp_path), "--sessions", "0")
    assert done.exit_code == 0, done.output
    assert events(records(tmp_path)) == []


def test_help_explains_each_option_and_shows_examples() -> None:
    done = run("--help")
    assert done.exit_code == 0
    assert "Examples:" in done.stdout
    assert all(option.help for option in simulate.params if hasattr(option, "help"))


def held(endpoint: str, stream: str) -> list[Record]:
    client = client_of("kinesis", endpoint)
    found = []
    for shard in client.list_shards(StreamName=stream)["Shards"]:
        iterator = client.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        for raw in client.get_records(ShardIterator=iterator["ShardIterator"])["Records"]:
            arrival = round(raw["ApproximateArrivalTimestamp"].timestamp() * 1000)
            found.append(
                Record(
                    shard["ShardId"],
                    raw["SequenceNumber"],
                    arrival,
                    raw["Data"],
                    raw["PartitionKey"],
                )
            )
    return found


@pytest.mark.slow
def test_into_a_stream_all_records_come_on_the_shards_of_the_recording(endpoint: str) -> None:
    client_of("kinesis", endpoint).create_stream(StreamName="kept", ShardCount=3)
    done = run(
        *("--into", "kept", "--endpoint-url", endpoint, "--keep-times"),
        *("--sessions", "10", "--shards", "3"),
    )
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    expected = list(simulated(Traffic(sessions=10, shards=3), 1))
    assert sorted((r.shard, r.partition_key, r.data) for r in held(endpoint, "kept")) == sorted(
        (r.shard, r.partition_key, r.data) for r in expected
    )
    assert f"{len(expected):,} records" in done.stderr


@pytest.mark.slow
def test_into_a_stream_the_traffic_is_of_now_unless_a_start_is_given(endpoint: str) -> None:
    client = client_of("kinesis", endpoint)
    then = int(time.time() * 1000) - 10 * 86_400_000  # older than 31 days would be dead letters
    for name, start in (("now", []), ("then", ["--start", format_ms(then)])):
        client.create_stream(StreamName=name, ShardCount=1)
        options = ["--into", name, "--endpoint-url", endpoint, "--sessions", "3"]
        began = time.time() * 1000
        assert run(*options, *start).exit_code == 0
        latest = max(event.timestamp for event in events(held(endpoint, name)))
        if start:
            assert then < latest < then + 86_400_000
        else:
            assert began - 4 * 3_600_000 < latest <= time.time() * 1000


@pytest.mark.slow
def test_a_stream_that_is_not_there_is_one_clear_line(endpoint: str) -> None:
    done = run("--into", "nowhere", "--endpoint-url", endpoint, "--sessions", "1")
    assert isinstance(done.exception, Misconfigured)
    assert "no stream nowhere" in str(done.exception)
    assert "\n" not in str(done.exception)


@pytest.mark.parametrize("platform", ["pinecall", "both"])
def test_calls_of_either_platform_are_made(platform: str, tmp_path: Path) -> None:
    done = run("--sessions", "6", "--platform", platform, "--seed", "3", "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    kinds = {kind for one in records(tmp_path) for kind in KINDS if kind in one.data}
    assert kinds >= ({KINDS[1]} if platform == "pinecall" else set(KINDS))
    pinecalls = sum(KINDS[1] in one.data for one in records(tmp_path))
    assert pinecalls > 20
