"""The doctor against an embedded AWS: all checks answered, and what is broken is told."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import boto3
import pytest

from tests.aws.sessions import any_credentials
from tests.live import Aws
from tests.processes import AWS, run
from tests.scenes import envelope
from tests.state.commits import commit
from worker.doctor.facts import Expectations, Facts
from worker.doctor.findings import Finding, Verdict
from worker.doctor.judging import judge
from worker.doctor.probing import Clients, probe_deployment
from worker.opening import Locations
from worker.partition.delta import Delta
from worker.settings.model import Settings
from worker.state.sqlite.store import SqliteStore
from worker.stream.record import Record
from worker.testing.moto_server import REGION, embedded_aws
from worker.testing.traffic import Traffic, simulated_records

pytestmark = pytest.mark.slow

NOWHERE: Final = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with embedded_aws() as url:
        session().client("s3", endpoint_url=url).create_bucket(Bucket="calls-state")
        aws = Aws(url, "calls", shards=2)
        aws.feed(traffic())
        aws.kinesis.increase_stream_retention_period(StreamName="calls", RetentionPeriodHours=168)
        aws.kinesis.start_stream_encryption(
            StreamName="calls", EncryptionType="KMS", KeyId="alias/aws/kinesis"
        )
        yield url


def session() -> boto3.Session:
    return boto3.Session(aws_access_key_id="any", aws_secret_access_key="any", region_name=REGION)


def now() -> int:
    return time.time_ns() // 1_000_000


def traffic(**more: Any) -> list[Record]:
    start = now() - 60_000
    quiet = {"delay_median_s": 0.0, "malformed": 0.0, **more}
    return list(simulated_records(Traffic(sessions=12, start_ms=start, spread_s=30.0, **quiet), 1))


class Examined:
    """A deployment whose doctor a test may stand in the way of."""

    def __init__(self, endpoint: str, **settings: Any) -> None:
        given = {
            "endpoint_url": endpoint,
            "region": REGION,
            "state": "s3://calls-state/state",
            **settings,
        }
        self.settings = Settings(**given)
        self.clients = Clients(self.settings, any_credentials())
        self.slept: list[float] = []

    def refuse(self, service: str, operation: str, code: str, status: int) -> None:
        """Answer an operation of a service so, whatever is asked."""
        client = getattr(self.clients, service)
        answer = {
            "Error": {"Code": code, "Message": f"User is not authorized: {code}"},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}},
        }
        client.meta.events.register(
            f"before-call.*.{operation}",
            lambda **_: (SimpleNamespace(status_code=status), answer),
        )

    def facts(self, stream: str = "calls", clock: Callable[[], int] = now) -> Facts:
        return probe_deployment(self.clients, self.settings, stream, 60, self.slept.append, clock)

    def findings(self, stream: str = "calls", **of_facts: Any) -> dict[str, Finding]:
        """Those that are not well; holds aside, whose delays are the emulator's."""
        wanted = Expectations(
            stream, hold_direct_s=3600, hold_turn_s=14_400, quiet_s=30, survive_h=24
        )
        judged = judge(self.facts(stream, **of_facts), wanted)
        return {one.check: one for one in judged if one.verdict is not Verdict.OK}


def test_a_whole_deployment_is_found_in_order(endpoint: str) -> None:
    places = {"records": "s3://calls-state", "dead_letters": "s3://calls-state/letters"}
    assert Examined(endpoint, **places).findings() == {}


def test_examining_leaves_nothing_behind(endpoint: str) -> None:
    s3 = session().client("s3", endpoint_url=endpoint)
    s3.create_bucket(Bucket="clean")
    Examined(endpoint, state="s3://clean/state", records="s3://clean").facts()
    assert s3.list_objects_v2(Bucket="clean")["KeyCount"] == 0


def test_the_look_into_the_stream_is_bounded_and_rests_between_calls(endpoint: str) -> None:
    aws = Aws(endpoint, "wide", shards=20)
    calls: list[str] = []
    examined = Examined(endpoint)
    kinesis: Any = examined.clients.kinesis
    kinesis.meta.events.register(
        "before-call.kinesis.GetRecords", lambda **_: calls.append("asked")
    )
    sample = examined.facts(aws.stream).sample
    assert sample is not None
    assert sample.shards <= 8
    assert len(calls) <= 8 * 5
    assert all(seconds >= 1 for seconds in examined.slept)


@pytest.mark.parametrize(
    ("service", "operation", "check"),
    [
        ("kinesis", "DescribeStreamSummary", "kinesis:DescribeStreamSummary of calls"),
        ("kinesis", "ListShards", "kinesis:ListShards of calls"),
        ("kinesis", "GetShardIterator", "kinesis:GetShardIterator of calls"),
        ("kinesis", "GetRecords", "kinesis:GetRecords of calls"),
        ("cloudwatch", "PutMetricData", "cloudwatch:PutMetricData of namespace VoiceInsights"),
    ],
)
def test_a_permission_that_is_missing_is_named(
    endpoint: str, service: str, operation: str, check: str
) -> None:
    examined = Examined(endpoint)
    examined.refuse(service, operation, "AccessDeniedException", 400)
    found = examined.findings()
    failures = [one for one in found.values() if one.verdict is Verdict.FAIL]
    assert [one.check for one in failures] == [check]
    assert check.partition(" ")[0] in failures[0].advice


def test_writing_is_asked_for_where_the_worker_writes(endpoint: str) -> None:
    places = {"records": "s3://calls-state", "dead_letters": "s3://calls-state"}
    probed = {(one.action, one.of) for one in Examined(endpoint, **places).facts().probed}
    for folder in ("sessions", "dead-letters"):
        assert ("s3:PutObject", f"s3://calls-state/{folder}") in probed


def test_a_datum_refused_for_its_age_speaks_for_the_permission(endpoint: str) -> None:
    examined = Examined(endpoint)
    examined.refuse("cloudwatch", "PutMetricData", "InvalidParameterValue", 400)
    assert examined.findings() == {}


def test_credentials_that_have_expired_are_the_one_failure(endpoint: str) -> None:
    examined = Examined(endpoint)
    for service, operation in (("kinesis", "*"), ("cloudwatch", "*")):
        examined.refuse(service, operation, "ExpiredTokenException", 400)
    found = examined.findings()
    assert [one.check for one in found.values() if one.verdict is Verdict.FAIL] == ["credentials"]


def test_a_stream_that_is_not_there_is_told(endpoint: str) -> None:
    found = Examined(endpoint).findings("missing")
    assert found["kinesis:DescribeStreamSummary of missing"].verdict is Verdict.FAIL
    assert found["holds"].verdict is Verdict.NOT_KNOWN


def test_a_bucket_that_is_not_there_is_told(endpoint: str) -> None:
    found = Examined(endpoint, state="s3://no-such-bucket/state").findings()
    assert found["s3:GetObject of s3://no-such-bucket/state"].verdict is Verdict.FAIL
    assert found["state"].verdict is Verdict.FAIL


def test_an_aws_out_of_reach_is_told_service_by_service() -> None:
    found = Examined(NOWHERE, records="s3://calls-state").findings()
    for service in ("kinesis", "cloudwatch", "s3"):
        detail = [one.detail for one in found.values() if one.check.startswith(f"{service}:")]
        assert any(f"{service} can't be reached" in line for line in detail)
    assert found["clock"].verdict is Verdict.NOT_KNOWN


def test_a_clock_that_is_off_is_told_with_how_much(endpoint: str) -> None:
    found = Examined(endpoint).findings(clock=lambda: now() + 3_600_000)
    assert found["clock"].verdict is Verdict.FAIL
    assert "ahead" in found["clock"].detail


def test_a_stream_kept_for_a_day_and_unencrypted_is_warned_of(endpoint: str) -> None:
    aws = Aws(endpoint, "bare", shards=2)
    aws.feed(traffic())
    found = Examined(endpoint).findings(aws.stream)
    assert {one.check for one in found.values()} == {"encryption", "retention"}


def test_gateway_events_without_relay_events_point_at_advanced_features(endpoint: str) -> None:
    aws = Aws(endpoint, "plain", shards=1)
    aws.feed(Record("s", "1", now(), envelope(None, 0, group="payment_info"), "") for _ in "12")
    found = Examined(endpoint).findings(aws.stream)
    assert found["Advanced Features"].verdict is Verdict.WARN


def test_a_state_that_is_another_streams_is_told(endpoint: str, tmp_path: Path) -> None:
    state = tmp_path / "state.sqlite"
    store = SqliteStore(state)
    store.acquire("other, created 2026-10-02T12:00:00.000Z")
    store.close()
    found = Examined(endpoint, state=str(state)).findings()
    assert list(found) == ["state"]
    assert "of other" in found["state"].detail


def test_numbers_that_do_not_follow_one_another_are_told_by_what_was_committed(
    endpoint: str, tmp_path: Path
) -> None:
    locations = Locations(REGION, endpoint, session())
    for place in (str(tmp_path / "state.sqlite"), "s3://calls-state/sparse"):
        store = locations.store(place, lambda _: None, time.sleep, lambda: 0.0)
        store.acquire("calls, created 2026-10-02T12:00:00.000Z")
        found = Delta(counters={"sessions_closed": 60, "sparse_sessions": 40}, found_sparse=True)
        store.append(commit(delta=found))
        store.close()
        detail = Examined(endpoint, state=place).findings()
        assert list(detail) == ["sequence numbers"]
        assert "40 of 60 closed sessions" in detail["sequence numbers"].detail


def test_a_file_that_is_no_state_is_told(endpoint: str, tmp_path: Path) -> None:
    state = tmp_path / "state.sqlite"
    state.write_text("no database")
    assert list(Examined(endpoint, state=str(state)).findings()) == ["state"]


def test_the_command_ends_with_what_it_found(endpoint: str, tmp_path: Path) -> None:
    settings = ("--endpoint-url", endpoint, "--minutes", 60)
    well = run("doctor", "--stream", "calls", "--json", *settings, cwd=tmp_path, env=AWS)
    assert well.returncode == 0
    assert json.loads(well.stdout)["failed"] is False
    ill = run("doctor", "--stream", "missing", *settings, cwd=tmp_path, env=AWS)
    assert ill.returncode == 1
    assert "\nfail       kinesis:DescribeStreamSummary of missing: doesn't exist" in ill.stdout
    assert "\n           -> " in ill.stdout
    assert re.fullmatch(r"\d+ checks: 5 ok, 1 fail, \d+ not known\n", ill.stderr)
