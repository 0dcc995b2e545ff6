"""The command ``run`` as a process: it consumes, ends, and goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.live import (
    Aws,
    Live,
    beyond,
    but_for_the_close,
    calls,
    last_revisions,
    replayed,
    working,
)
from tests.processes import AWS, LONGEST_S
from tests.scenes import BASE, envelope
from worker.partition.accounting import ACCOUNTED
from worker.testing.moto_server import REGION
from worker.testing.traffic import simulated_records

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def without_aws(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A worker that tries in vain to reach its stream, begun early: it takes its time."""
    aws = Aws(endpoint, "out-of-reach", shards=1)
    folder = tmp_path_factory.mktemp("out-of-reach")
    with working(aws, folder, endpoint_url="http://127.0.0.1:1") as worker:
        yield worker


def test_what_is_put_comes_out_as_a_replay_has_it_and_only_once(
    endpoint: str, tmp_path: Path
) -> None:
    aws = Aws(endpoint, "whole")
    traffic = calls(30)
    aws.feed(simulated_records(traffic, 1))
    offline = replayed(aws.put, tmp_path)
    with working(aws, tmp_path, namespace="Whole") as worker:
        worker.wait_for_sessions(30)
        assert worker.end() == 0
        first = worker.out
        assert worker.log_lines[-1]["event"] == "stopped"
        assert worker.log_lines[-1]["left_in_outbox"] == 0
    assert len(first.splitlines()) == 30
    assert but_for_the_close(last_revisions(first)) == but_for_the_close(offline.records)
    found = aws.statistics("Whole", offline.statistics)
    assert beyond(found, offline.statistics) == {}
    state = worker.state
    assert {name: state.counters.get(name, 0) for name in ACCOUNTED} == {
        name: offline.counters[name] for name in ACCOUNTED
    }
    letters = (tmp_path / "dead-letters.jsonl").read_text().splitlines()
    assert len(letters) == offline.counters["dead_letters"] > 0

    with working(aws, tmp_path, namespace="Whole") as worker:
        read_to = min(state.clocks.values())
        worker.wait_for(
            lambda: worker.counted("occurrences") and min(worker.state.clocks.values()) > read_to,
            "every shard to be read again",
        )
        assert worker.end() == 0
        assert worker.out == b""
        assert worker.state.counters == state.counters
    assert aws.statistics("Whole", offline.statistics) == found


def test_what_can_not_be_sent_in_time_is_sent_by_the_next_start(
    endpoint: str, tmp_path: Path
) -> None:
    aws = Aws(endpoint, "late")
    aws.feed(simulated_records(calls(5, malformed=0.0), 2))
    offline = replayed(aws.put, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as never_answers:
        cloudwatch = f"http://127.0.0.1:{never_answers.getsockname()[1]}"
        apart = {"AWS_ENDPOINT_URL_KINESIS": endpoint, "AWS_ENDPOINT_URL_CLOUDWATCH": cloudwatch}
        with working(aws, tmp_path, env={**AWS, **apart}, endpoint_url="", shutdown_s=1) as worker:
            worker.wait_for(lambda: worker.peek().evicted == 5, "all sessions")
            assert worker.end() == 0
            assert worker.log_lines[-1]["left_in_outbox"] > 0
            out = worker.out
    with working(aws, tmp_path, namespace="Late") as worker:
        worker.wait_for_sessions(5)
        assert worker.end() == 0
        out += worker.out
    assert but_for_the_close(last_revisions(out)) == but_for_the_close(offline.records)
    assert beyond(aws.statistics("Late", offline.statistics), offline.statistics) == {}


def test_a_second_worker_on_the_same_state_ends_the_first(endpoint: str, tmp_path: Path) -> None:
    aws = Aws(endpoint, "fenced")
    aws.feed(simulated_records(calls(2), 3))
    (tmp_path / "second").mkdir()
    state = tmp_path / "state.sqlite"
    with working(aws, tmp_path) as first:
        first.wait_for_sessions(2)
        with working(aws, tmp_path / "second", state=state, records="no/such/file") as broken:
            assert broken.process.wait(LONGEST_S) == 2
        before = max(first.state.clocks.values())
        first.wait_for(lambda: max(first.state.clocks.values()) > before, "another commit")
        with working(aws, tmp_path / "second", state=state):
            assert first.process.wait(LONGEST_S) == 3
    last = first.log_lines[-1]
    assert last["level"] == "error"
    assert "another worker has taken" in last["error"]
    assert len([line for line in first.log_lines if line["level"] == "error"]) == 1


def server_time(aws: Aws) -> float:
    answer = aws.kinesis.describe_stream_summary(StreamName=aws.stream)
    date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
    return parsedate_to_datetime(date).timestamp()


def test_latest_is_when_it_was_first_started(endpoint: str, tmp_path: Path) -> None:
    aws = Aws(endpoint, "latest", shards=2)
    aws.feed(simulated_records(calls(3), 4))
    (tmp_path / "offline").mkdir()
    put = time.time()
    while server_time(aws) <= put:  # places in time are whole seconds, by the server's clock
        time.sleep(0.05)
    with working(aws, tmp_path, start="latest") as worker:
        worker.wait_for(lambda: worker.log_lines, "its start")
        worker.wait_for(lambda: worker.state.positions, "its positions")
        assert {kind for kind, _, _ in worker.state.positions.values()} == {"at_timestamp"}
        assert worker.end(signal.SIGKILL) < 0
    # put while it was down, and after its start
    later = list(simulated_records(calls(3), 5))
    aws.feed(later)
    with working(aws, tmp_path, start="latest") as worker:
        worker.wait_for_sessions(3)
        assert worker.end() == 0
        offline = replayed(later, tmp_path / "offline")
        assert but_for_the_close(last_revisions(worker.out)) == but_for_the_close(offline.records)
        assert worker.state.counters["occurrences"] == offline.counters["occurrences"]


def test_a_stream_is_the_same_by_its_name_and_by_its_arn(endpoint: str, tmp_path: Path) -> None:
    aws = Aws(endpoint, "known", shards=1)
    aws.feed(simulated_records(calls(1), 8))
    with working(aws, tmp_path) as worker:
        worker.wait_for_occurrences(1)
    summary = aws.kinesis.describe_stream_summary(StreamName="known")["StreamDescriptionSummary"]
    with working(aws, tmp_path, stream=summary["StreamARN"]) as worker:
        worker.wait_for(lambda: '"started"' in worker.log, "its second start")
        assert worker.state.counters["occurrences"] > 0


def test_a_stream_made_anew_under_its_name_is_refused(endpoint: str, tmp_path: Path) -> None:
    aws = Aws(endpoint, "anew", shards=1)
    aws.feed(simulated_records(calls(1), 8))
    with working(aws, tmp_path) as worker:
        worker.wait_for_occurrences(1)
        aws.kinesis.delete_stream(StreamName="anew")
        worker.wait_for(lambda: '"uncertain"' in worker.log, "the stream's absence")
        aws.kinesis.create_stream(StreamName="anew", ShardCount=1)
        assert worker.process.wait(LONGEST_S) == 4
        assert "created again under" in worker.log_lines[-1]["error"]
    with working(aws, tmp_path) as worker:
        assert worker.process.wait(LONGEST_S) == 4
        assert "holds the state of arn:aws:kinesis:" in worker.log_lines[-1]["error"]
        assert len(worker.log_lines) == 1


SECRETS: Final = ("15550100123", "203.0.113.77", "my mother's maiden name")


def test_its_log_is_json_and_shows_nobodys_number_address_or_words(
    endpoint: str, tmp_path: Path
) -> None:
    aws = Aws(endpoint, "private", shards=1)
    number, address, words = SECRETS
    start = time.time_ns() // 1_000_000 - 600_000 - BASE
    private = {"from": f"+{number}", "to": f"sip:{number}@{address}", "transcript": words}
    for n, name in enumerate(("prompt_sent", "first_token_received", words, "call_wrap_up")):
        relay = {"session_id": "VX1", "sequence_number": n, "name": name, **private}
        payload = {"prompt_sent": {"text": words}, "error": {"error_message": words}}
        event = envelope({**relay, **payload}, start + n, carrier_edge=private, **private)
        aws.kinesis.put_record(StreamName="private", Data=event, PartitionKey=number)
        aws.kinesis.put_record(StreamName="private", Data=event[:-1], PartitionKey=address)
    with working(aws, tmp_path, log_level="debug") as worker:
        worker.wait_for_sessions(1)
        assert worker.end() == 0
        assert all(line["event"] and line["level"] for line in worker.log_lines)
        assert not [secret for secret in SECRETS if secret in worker.log]
        (record,) = [json.loads(line) for line in worker.out.splitlines()]
    assert record["session_id"] == "VX1"
    assert number not in json.dumps(record)
    assert address not in json.dumps(record)


def test_a_log_that_nobody_reads_holds_nothing_up(endpoint: str, tmp_path: Path) -> None:
    aws = Aws(endpoint, "unread", shards=1)
    aws.feed(simulated_records(calls(3), 6))
    snapshot, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        with suppress(BlockingIOError):
            while True:
                os.write(writing, b"-" * 4096)
        os.set_blocking(writing, True)
        with working(aws, tmp_path, stderr=writing, log_level="debug", shutdown_s=1) as worker:
            worker.wait_for_sessions(3)
            assert worker.end() == 0
            assert len(worker.out.splitlines()) == 3
    finally:
        os.close(snapshot)
        os.close(writing)


def test_what_keeps_it_from_starting_is_one_line(endpoint: str, tmp_path: Path) -> None:
    keys = {name: value for name, value in AWS.items() if name != "AWS_DEFAULT_REGION"}
    starts: dict[str, tuple[dict[str, Any], dict[str, str], int, str]] = {
        "no stream": ({"stream": "nowhere"}, AWS, 2, "nowhere"),
        "stream not set": ({"stream": ""}, AWS, 2, "VOICE_INSIGHTS_STREAM"),
        "no region": ({}, keys, 2, "region"),
        "no credentials": ({}, {"AWS_DEFAULT_REGION": REGION}, 2, "credentials"),
        "wrong setting": ({"hold_turn_s": "soon"}, AWS, 2, "hold_turn_s"),
        "too early": ({"start": "2999-01-01T00:00:00Z"}, AWS, 2, "is in the future"),
        "no state": ({"state": "no/such/folder/state"}, AWS, 2, "no/such/folder"),
        "no bucket": ({"dead_letters": "s3://nowhere"}, AWS, 2, "dead_letters = s3://nowhere"),
        "no records": (
            {"records": "no/such/folder/records"},
            AWS,
            2,
            "records: can't write no/such",
        ),
    }
    aws = Aws(endpoint, "there", shards=1)
    with ExitStack() as stack:
        live = {}
        for name, (wrong, env, _, _) in starts.items():
            (tmp_path / name).mkdir()
            one = working(aws, tmp_path / name, env=env, **wrong)
            live[name] = stack.enter_context(one)
        for name, (_, _, code, told) in starts.items():
            worker = live[name]
            assert worker.process.wait(LONGEST_S) == code, name
            (line,) = worker.log.splitlines()
            assert told in line
            assert worker.out == b""


def test_a_service_out_of_reach_is_given_up(without_aws: Live) -> None:
    assert without_aws.process.wait(LONGEST_S) == 6
    *attempts, last = without_aws.log_lines
    assert {line["level"] for line in attempts} == {"warning"}
    assert "can't be reached" in last["error"]


def test_it_can_be_ended_while_it_tries_to_reach_the_stream(endpoint: str, tmp_path: Path) -> None:
    aws = Aws(endpoint, "unreached", shards=1)
    with working(aws, tmp_path, endpoint_url="http://127.0.0.1:1") as worker:
        worker.wait_for(lambda: worker.log, "its first attempt")
        assert worker.end() == 0
        told = [line["event"] for line in worker.log_lines]
        assert set(told[:-1]) == {"stream not reached yet"}
        assert told[-1] == "stopped before the stream was reached"
