"""The commands of the group ``twilio``, against the stub and an embedded AWS."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from subprocess import run as run_process
from time import time
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.processes import ROOT, environment
from tests.twilio.accounts import WHOLE, AccountRest, records_of, streamed
from worker.cli.doctor import doctor
from worker.cli.twilio import twilio
from worker.errors import BadInput, Misconfigured, VoiceInsightsError
from worker.printable import STEERING
from worker.sessions.record import encode_record
from worker.testing.moto_server import REGION, client_of
from worker.testing.traffic import Traffic
from worker.testing.twilio_account import Faults, TwilioAccount
from worker.testing.twilio_rest import SECRET, USER, simulated_calls, twilio_rest
from worker.times.rfc3339 import format_ms
from worker.twilio.event_streams import EventStreams

NOW_MS = int(time() * 1000)
RECENT = replace(WHOLE, sessions=5, start_ms=NOW_MS - 10_800_000)
OLD = replace(RECENT, start_ms=NOW_MS - 86_400_000)
KEYS = {"TWILIO_API_KEY": USER, "TWILIO_API_SECRET": SECRET}
AWS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": REGION}


def account(traffic: Traffic = RECENT, **faults: Any) -> TwilioAccount:
    return TwilioAccount(simulated_calls(traffic, 1), Faults(**faults))


def run(
    own: TwilioAccount, *arguments: object, keys: dict[str, str] = KEYS, command: Any = twilio
) -> Result:
    with twilio_rest(own) as url:
        urls = {"TWILIO_INSIGHTS_URL": url, "TWILIO_EVENTS_URL": url}
        runner = CliRunner(env={**AWS, **keys, **urls})
        return runner.invoke(command, [str(one) for one in arguments])


def refused(result: Result, kind: type[VoiceInsightsError]) -> str:
    assert isinstance(result.exception, kind), result.output
    assert SECRET not in str(result.exception)
    return str(result.exception)


def file_of(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


# events


def test_calls_named_are_read_into_a_recording(tmp_path: Path) -> None:
    own = account()
    call_sid = next(iter(own.calls))
    done = run(own, "events", call_sid, "-o", tmp_path, "--edge", "any", "--compress", "none")
    assert done.exit_code == 0, done.output
    lines = file_of(tmp_path).read_text().splitlines()
    assert len(lines) == len(own.calls[call_sid].rows)
    assert f"{len(lines)} events" in done.stderr


def test_calls_of_a_span_are_read_as_they_are_when_named(tmp_path: Path) -> None:
    own = account()
    done = run(own, "events", "--from", format_ms(RECENT.start_ms), "-o", tmp_path / "span")
    assert done.exit_code == 0, done.output
    assert run(own, "events", *own.calls, "-o", tmp_path / "named").exit_code == 0
    named, span = (file_of(tmp_path / name).read_bytes() for name in ("named", "span"))
    assert named == span


def test_a_call_that_never_comes_is_told_unless_it_may_be_missing(tmp_path: Path) -> None:
    own = account()
    gone = "CA" + "f" * 32
    asked: Sequence[object] = ("events", *own.calls, gone, "-o", tmp_path, "--wait", "0")
    told = refused(run(own, *asked), BadInput)
    assert gone in told
    assert "30 days" in told
    own.requests.clear()
    done = run(own, *asked, "--allow-missing")
    assert done.exit_code == 0, done.output
    assert {request.path for request in own.requests} == {f"/v1/Voice/{gone}/Events"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "give either the SIDs of calls, or --from"),
        (("CA123",), "is not a call's SID"),
        (("--to", "2026-10-02T12:00:00Z"), "give either"),
        (("CA" + "0" * 32, "--to", "2026-10-02T12:00:00Z"), "--to goes with --from"),
        (("CA" + "0" * 32, "--from", "2026-10-02T12:00:00Z"), "give either"),
        (("CA" + "0" * 32,), "give either -o RECORDING or --into STREAM"),
    ],
)
def test_what_cannot_be_asked_for_is_a_matter_of_usage(
    arguments: tuple[str, ...], told: str
) -> None:
    done = run(account(), "events", "--wait", "0", *arguments)
    assert done.exit_code == 2
    assert told in done.output


def test_a_span_that_twilio_no_longer_has_is_refused(tmp_path: Path) -> None:
    done = run(account(), "events", "--from", "2026-01-01T00:00:00Z", "-o", tmp_path)
    assert "keeps events for 30 days" in refused(done, BadInput)
    begin = format_ms(RECENT.start_ms)
    empty = run(account(), "events", "--from", begin, "--to", begin, "-o", tmp_path)
    assert "is empty" in refused(empty, BadInput)


def test_a_stream_gets_no_call_that_the_worker_would_not_take() -> None:
    own = account(OLD)
    told = refused(run(own, "events", *own.calls, "--into", "none-such"), Misconfigured)
    assert "-o" in told
    assert "replay" in told
    assert "(5 h)" in told
    assert "\n" not in told


@pytest.mark.slow
def test_a_stream_gets_the_events_of_recent_calls(endpoint: str) -> None:
    client = client_of("kinesis", endpoint)
    client.create_stream(StreamName="recent", ShardCount=1)
    own = account()
    done = run(own, "events", *own.calls, "--into", "recent", "--endpoint-url", endpoint)
    assert done.exit_code == 0, done.output
    assert "put into recent" in done.stderr
    iterator = client.get_shard_iterator(
        StreamName="recent", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    data = [one["Data"] for one in client.get_records(ShardIterator=iterator)["Records"]]
    sent = {(json.loads(one)["data"]["call_sid"], json.loads(one)["time"]) for one in data}
    assert sent == {
        (call_sid, row["timestamp"])
        for call_sid, call in own.calls.items()
        for row in call.rows
        if row["edge"] in ("carrier_edge", None)
    }


# verify


@pytest.fixture
def records(tmp_path: Path) -> Path:
    place = tmp_path / "sessions.jsonl"
    lines = [encode_record(record) for record in records_of(streamed(OLD, 1))]
    place.write_bytes(b"\n".join(lines) + b"\n")
    return place


def test_records_that_agree_with_twilio_exit_with_0(records: Path) -> None:
    done = run(account(OLD), "verify", records)
    assert done.exit_code == 0, done.output
    assert "5 sessions compared" in done.stderr
    assert "0 different" in done.stderr


def test_a_difference_is_shown_with_what_to_do_and_exits_with_1(records: Path) -> None:
    own = account(OLD)
    call = next(iter(own.calls.values()))
    call.sessions[0]["words"]["total"] += 1
    done = run(own, "verify", records)
    assert done.exit_code == 1
    (line,) = [line for line in done.stdout.splitlines() if "different" in line]
    assert call.sessions[0]["session_id"] in line
    assert "words" in line
    assert f"voice-insights session {call.sessions[0]['session_id']}" in done.stderr
    assert f"voice-insights twilio events {call.call_sid}" in done.stderr


def test_as_json_each_session_is_a_line_with_all_its_fields(records: Path) -> None:
    own = account(OLD)
    next(iter(own.calls.values())).sessions[0]["turns"] = 1000
    done = run(own, "verify", records, "--json")
    assert done.exit_code == 1
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == 5
    (off,) = [one for one in told if one["verdict"] == "different"]
    (field,) = [one for one in off["fields"] if one["verdict"] == "different"]
    assert (field["field"], field["theirs"], field["reason"]) == ("turns", "1000", None)


def test_a_sample_asks_for_no_more_calls(records: Path) -> None:
    own = account(OLD)
    assert run(own, "verify", records, "--sample", 2).exit_code == 0
    assert len(own.requests) == 2


def test_nothing_to_compare_is_no_success(tmp_path: Path) -> None:
    place = tmp_path / "old.jsonl"
    place.write_bytes(encode_record(records_of(streamed(replace(OLD, start_ms=0), 1))[0]) + b"\n")
    assert "older than 30 days" in refused(run(account(), "verify", place), BadInput)


# sink

ROLE = "arn:aws:iam::123456789012:role/twilio"


@pytest.fixture
def stream(endpoint: str) -> Iterator[tuple[str, TwilioAccount]]:
    """A stream's ARN, and an account whose Event Streams reaches it."""
    client = client_of("kinesis", endpoint)
    client.create_stream(StreamName="sink", ShardCount=2)
    summary = client.describe_stream_summary(StreamName="sink")["StreamDescriptionSummary"]
    arn = summary["StreamARN"]
    own = account()
    own.deliver = lambda data: client.put_record(StreamARN=arn, Data=data, PartitionKey="k")
    yield arn, own
    client.delete_stream(StreamName="sink")


@pytest.mark.parametrize("command", ["create", "test", "validate", "status"])
def test_a_stream_by_name_is_not_enough_for_a_sink(command: str) -> None:
    done = run(account(), "sink", command, "--stream-arn", "my-stream")
    assert done.exit_code == 2
    assert "not the ARN of a Kinesis stream" in done.output


@pytest.mark.slow
def test_from_an_empty_account_to_a_validated_sink(
    endpoint: str, stream: tuple[str, TwilioAccount]
) -> None:
    arn, own = stream

    def sink(*arguments: str) -> Result:
        more = ("--stream-arn", arn, "--endpoint-url", endpoint)
        return run(own, "sink", arguments[0], *more, *arguments[1:])

    missing = refused(sink("create"), Misconfigured)
    assert "TwilioExternalId=" in missing
    assert "TwilioRoleArn" in missing
    assert "there is no Kinesis sink" in refused(sink("validate"), BadInput)
    created = ("create", "--role-arn", ROLE, "--external-id", "id-1")
    for _ in range(2):
        done = sink(*created)
        assert done.exit_code == 0, done.output
        assert "TwilioExternalId=id-1" in done.stdout
        assert ROLE in done.stdout
        assert "next: voice-insights twilio sink validate" in done.stdout
    assert len(own.sinks) == 1
    assert sink("status").exit_code == 1
    tested = sink("test", "--wait", "60s")
    assert tested.exit_code == 0, tested.output
    assert tested.stdout == f"{1:032x}\n"
    for _ in range(2):
        validated = sink("validate", "--wait", "60s")
        assert validated.exit_code == 0, validated.output
        assert "subscribed" in validated.stdout
    assert len(own.subscriptions) == 1
    status = sink("status", "--json")
    assert status.exit_code == 0
    assert json.loads(status.stdout)["types"] == {"com.twilio.voice.insights.call-event.gateway": 3}
    other = refused(sink("create", "--role-arn", ROLE, "--external-id", "id-2"), Misconfigured)
    assert "another external_id" in other


@pytest.mark.slow
def test_a_test_event_that_does_not_come_says_where_to_look(
    endpoint: str, stream: tuple[str, TwilioAccount]
) -> None:
    arn, own = stream
    own.deliver = lambda _: None
    more = ("--stream-arn", arn, "--endpoint-url", endpoint)
    assert (
        run(own, "sink", "create", *more, "--role-arn", ROLE, "--external-id", "i").exit_code == 0
    )
    told = refused(run(own, "sink", "test", *more, "--wait", "1"), VoiceInsightsError)
    assert "trust" in told


def test_a_test_id_from_the_log_needs_no_look_into_the_stream() -> None:
    own = account()
    arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/calls"
    seen: list[bytes] = []
    own.deliver = seen.append
    made = ("--stream-arn", arn, "--role-arn", ROLE, "--external-id", "i")
    assert run(own, "sink", "create", *made).exit_code == 0
    streams = EventStreams(AccountRest(own))
    (sink,) = streams.look(arn).sinks
    streams.send_test(sink)
    test_id = json.loads(seen[0])["data"]["test_id"]
    done = run(own, "sink", "validate", "--stream-arn", arn, "--test-id", test_id)
    assert done.exit_code == 0, done.output
    assert own.sinks[sink.sid]["status"] == "active"


def test_texts_of_twilios_cannot_steer_the_terminal() -> None:
    own = account()
    arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/calls"
    more = ("--stream-arn", arn)
    made = run(own, "sink", "create", *more, "--role-arn", ROLE, "--external-id", "i\x1b[2J")
    (sid,) = own.sinks
    own.sinks[sid]["status"] = "\x1b]0;title\x07\u202eactive\nsink"
    status = run(own, "sink", "status", *more)
    assert "TwilioExternalId=i\\x1b[2J\n" in made.stdout
    assert f"sink {sid}: \\x1b]0;title\\x07\\u202eactive\\x0asink\n" in status.stdout
    assert not STEERING.search(made.output + status.output)


# credentials, addresses, the extra


def test_credentials_that_are_missing_or_not_taken_are_the_operators(tmp_path: Path) -> None:
    own = account()
    asked = ("events", *own.calls, "-o", tmp_path)
    without = {"TWILIO_API_KEY": "", "TWILIO_API_SECRET": ""}
    assert "TWILIO_API_KEY" in refused(run(own, *asked, keys=without), Misconfigured)
    wrong = {**KEYS, "TWILIO_API_SECRET": "hush-hush"}
    told = refused(run(own, *asked, keys=wrong), Misconfigured)
    assert "401" in told
    assert "hush" not in told


@pytest.mark.slow
def test_credentials_may_be_a_secret_of_secrets_manager(endpoint: str, tmp_path: Path) -> None:
    client = client_of("secretsmanager", endpoint)
    client.create_secret(Name="twilio", SecretString=json.dumps(KEYS))
    own = account()
    keys = {"TWILIO_SECRET_ID": "twilio"}
    asked = ("events", *own.calls, "-o", tmp_path, "--endpoint-url", endpoint)
    done = run(own, *asked, keys=keys)
    assert done.exit_code == 0, done.output
    refused(run(own, *asked, keys={"TWILIO_SECRET_ID": "none-such"}), Misconfigured)


@pytest.mark.parametrize("url", ["http://insights.example", "https://u:p@x.example", "file:///x"])
def test_no_address_may_give_the_credentials_away(url: str, tmp_path: Path) -> None:
    done = run(account(), "events", "CA" + "0" * 32, "-o", tmp_path, "--insights-url", url)
    told = refused(done, Misconfigured)
    assert "https://HOST" in told
    assert "u:p" not in told


def test_without_the_extra_one_line_says_how_to_install_it(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['httpx'] = None; sys.argv[0] = 'x'\n"
        "from worker.cli.main import main; main()"
    )
    call = "CA" + "0" * 32
    done = run_process(
        [sys.executable, "-c", program, "twilio", "events", call, "-o", str(tmp_path / "x")],
        cwd=ROOT,
        env=environment(KEYS),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install '.[twilio]'" in done.stderr


@pytest.mark.slow
def test_the_doctor_asks_twilio_if_told_to(
    endpoint: str, stream: tuple[str, TwilioAccount], tmp_path: Path
) -> None:
    arn, own = stream
    state = tmp_path / "state.sqlite"
    more = ("--stream", arn, "--endpoint-url", endpoint, "--state", state, "--json")
    checks = json.loads(run(own, *more, "--twilio", command=doctor).stdout)["checks"]
    found = {one["check"]: one["verdict"] for one in checks}
    assert found["Twilio"] == "ok"
    assert found["Twilio: sink"] == "fail"
    without = json.loads(run(own, *more, command=doctor).stdout)["checks"]
    assert not any("Twilio" in one["check"] for one in without)
