"""``fleet``: a fleet is made once, looked at, mended, and moved, with an embedded AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.live import Aws
from worker.cli.doctor import doctor
from worker.cli.fleet import fleet
from worker.errors import BadInput, Misconfigured, StreamReplaced
from worker.fleet.layout import Layout
from worker.fleet.layout_store import read_layout, require_layout
from worker.opening import Locations
from worker.partition.delta import Delta
from worker.state.store import Commit
from worker.stream.position import CARRIER, Position, carrier_at
from worker.testing.moto_server import REGION, embedded_aws

pytestmark = pytest.mark.slow

ENVIRON = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "VOICE_INSIGHTS_CONFIG": "/dev/null",
    "VOICE_INSIGHTS_STREAM": "calls",
    "VOICE_INSIGHTS_FLEET_STREAM": "keyed",
    "VOICE_INSIGHTS_FLEET_BUCKETS": "3",
    "VOICE_INSIGHTS_IDLE_CLOCK": "server",
}
LOCATIONS = Locations(REGION, None)
SHARD = "shardId-000000000000"


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with embedded_aws() as endpoint:
        yield Aws(endpoint, "calls", shards=2)


def invoke(aws: Aws, *arguments: object, **environ: str) -> Result:
    where = ["--endpoint-url", aws.endpoint, "--region", REGION]
    return CliRunner(env={**ENVIRON, **environ}).invoke(fleet, [*map(str, arguments), *where])


def made(aws: Aws, state: Path, *options: object) -> Layout:
    done = invoke(aws, "init", "--shards", 2, "--state", state, *options)
    assert done.exit_code == 0, (done.output, done.exception)
    return require_layout(LOCATIONS, str(state))


def take(state: Path, layout: Layout, bucket: int, delta: Delta) -> None:
    location = layout.location(str(state), bucket)
    with closing(LOCATIONS.store(location, lambda _: None, lambda _: None, lambda: 0.5)) as store:
        store.acquire(layout.identity(bucket))
        store.append(Commit(delta, [], [], None))


def lease(aws: Aws, table: str) -> None:
    """A task has leased a shard."""
    dynamodb = aws.client("dynamodb")
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(
        TableName=table, Item={"leaseKey": {"S": SHARD}, "leaseOwner": {"S": "task-7"}}
    )


def summary(aws: Aws, stream: str) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("kinesis").describe_stream_summary(StreamName=stream)
    described: dict[str, Any] = found["StreamDescriptionSummary"]
    return described


def test_a_fleet_is_made_with_its_keyed_stream_and_once(aws: Aws, tmp_path: Path) -> None:
    layout = made(aws, tmp_path)
    assert (layout.buckets, layout.start) == (3, "trim_horizon")
    assert ":stream/calls, created " in layout.source
    assert ":stream/keyed, created " in layout.keyed
    assert summary(aws, "keyed")["RetentionPeriodHours"] == 168
    again = invoke(aws, "init", "--state", tmp_path)
    assert "nothing to do" in again.output
    other = invoke(aws, "init", "--state", tmp_path, "--fleet-buckets", 4)
    assert isinstance(other.exception, Misconfigured)
    assert require_layout(LOCATIONS, str(tmp_path)) == layout


def test_a_keyed_stream_that_was_made_by_half_is_made_whole(aws: Aws, tmp_path: Path) -> None:
    client = aws.client("kinesis")
    client.create_stream(StreamName="secret", ShardCount=1)
    client.start_stream_encryption(StreamName="secret", EncryptionType="KMS", KeyId="alias/k")
    client.create_stream(StreamName="half", ShardCount=1)
    made(aws, tmp_path, "--stream", "secret", "--fleet-stream", "half")
    found = summary(aws, "half")
    assert (found["RetentionPeriodHours"], found["EncryptionType"]) == (168, "KMS")
    assert (found["KeyId"], found["OpenShardCount"]) == ("alias/k", 1)


def test_a_keyed_stream_is_made_by_its_arn_and_keeps_what_it_has(aws: Aws, tmp_path: Path) -> None:
    client, arn = aws.client("kinesis"), summary(aws, "calls")["StreamARN"].replace("calls", "new")
    layout = made(aws, tmp_path, "--fleet-stream", arn)
    assert layout.keyed.startswith(f"{arn}, created ")
    client.increase_stream_retention_period(StreamName="new", RetentionPeriodHours=200)
    assert made(aws, tmp_path, "--fleet-stream", arn) == layout
    assert summary(aws, "new")["RetentionPeriodHours"] == 200


def test_a_new_fleet_does_not_take_another_ones_leases(aws: Aws, tmp_path: Path) -> None:
    name = ("--fleet-name", "leased")
    made(aws, tmp_path / "old", *name)
    lease(aws, "leased-partitions")
    refused = invoke(aws, "init", "--state", tmp_path / "new", *name)
    assert isinstance(refused.exception, Misconfigured)
    assert "another fleet_name, and another keyed stream" in str(refused.exception)
    assert read_layout(LOCATIONS, str(tmp_path / "new")) is None
    assert "nothing to do" in invoke(aws, "init", "--state", tmp_path / "old", *name).output


def test_where_it_begins_is_fixed_with_its_layout(aws: Aws, tmp_path: Path) -> None:
    assert isinstance(made(aws, tmp_path, "--start", "latest").start, int)


def test_a_keyed_stream_that_does_not_heed_hash_keys_is_refused(aws: Aws, tmp_path: Path) -> None:
    client = aws.client("kinesis")
    client.create_stream(StreamName="free", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    refused = invoke(aws, "init", "--state", tmp_path, "--fleet-stream", "free")
    assert isinstance(refused.exception, Misconfigured)
    assert "switch it to PROVISIONED" in str(refused.exception)


def test_a_keyed_stream_that_forgets_sooner_than_the_source_is_refused(
    aws: Aws, tmp_path: Path
) -> None:
    client = aws.client("kinesis")
    client.create_stream(StreamName="short", ShardCount=1)
    client.create_stream(StreamName="long", ShardCount=1)
    client.increase_stream_retention_period(StreamName="long", RetentionPeriodHours=48)
    refused = invoke(
        aws, "init", "--state", tmp_path, "--stream", "long", "--fleet-stream", "short"
    )
    assert isinstance(refused.exception, Misconfigured)
    assert "raise its retention to 48 hours" in str(refused.exception)


def test_the_engine_must_be_named(aws: Aws, tmp_path: Path) -> None:
    made(aws, tmp_path)
    refused = invoke(aws, "run", "--state", tmp_path)
    assert isinstance(refused.exception, Misconfigured)
    assert "--fleet-engine kcl-rs or daemon" in str(refused.exception)


def test_without_a_fleet_there_is_nothing_to_run_or_to_look_at(aws: Aws, tmp_path: Path) -> None:
    for command in (("status",), ("run", "--fleet-engine", "kcl-rs")):
        refused = invoke(aws, *command, "--state", tmp_path)
        assert isinstance(refused.exception, BadInput)
        assert "`voice-insights fleet init`" in str(refused.exception)


def test_status_shows_buckets_and_leases(aws: Aws, tmp_path: Path) -> None:
    layout = made(aws, tmp_path)
    at = Position("after", "7", 60_000)
    take(tmp_path, layout, 1, Delta(stream_time=60_000, positions={SHARD: at}))
    lease(aws, "seen-router")
    shown = invoke(aws, "status", "--state", tmp_path, "--fleet-name", "seen")
    assert shown.exit_code == 0, shown.output
    assert shown.output.count("not acquired yet") == 2
    assert "task-7" in shown.output
    assert "1970-01-01T00:01:00.000Z at most, by 1 of 3 buckets" in shown.output
    fields = json.loads(
        invoke(aws, "status", "--state", tmp_path, "--fleet-name", "seen", "--json").stdout
    )
    assert [one and one["bucket"] for one in fields["buckets"]] == [None, 1, None]
    assert fields["leases"] == [{"role": "router", "shard": SHARD, "owner": "task-7"}]


def test_buckets_have_read_equally_far_once_all_have_read_a_shard_to_one_place(
    aws: Aws, tmp_path: Path
) -> None:
    layout, at = made(aws, tmp_path), Position("after", "7", 60_000)
    ended = {"shardId-1": Position("ended", "", 60_000)}

    def equal() -> list[bool]:
        shown = invoke(aws, "status", "--state", tmp_path).output.splitlines()
        return ["equally far" in line for line in shown if line.startswith("  shard ")]

    take(tmp_path, layout, 0, Delta(positions={SHARD: at, **ended}))
    take(tmp_path, layout, 1, Delta(positions={SHARD: at}))
    assert equal() == [False, False]  # a bucket was never acquired
    take(tmp_path, layout, 2, Delta())
    assert equal() == [False, True]  # what was read to its end may have left the stream
    take(tmp_path, layout, 2, Delta(positions={SHARD: at._replace(value="8")}))
    assert equal() == [False, True]
    take(tmp_path, layout, 1, Delta(positions={SHARD: at._replace(value="8")}))
    take(tmp_path, layout, 0, Delta(positions={SHARD: at._replace(value="8", seen_to=7)}))
    assert equal() == [True, True]


def test_a_bucket_goes_on_after_what_it_has_missed_and_a_gap_is_counted(
    aws: Aws, tmp_path: Path
) -> None:
    layout = made(aws, tmp_path)
    take(tmp_path, layout, 2, Delta(positions={SHARD: Position("after", "7", 60_000)}))
    skipped = invoke(aws, "skip", 2, SHARD, "12", "--state", tmp_path)
    assert skipped.output == f"bucket 2 goes on after 12 of {SHARD}; it was at 7\n"
    whole = LOCATIONS.view(layout.location(str(tmp_path), 2)).contents().whole
    assert whole.positions == {SHARD: Position("after", "12", 60_000)}
    assert whole.counters == {"input_gaps": 1}
    for bucket, after in ((2, "12"), (2, "x"), (1, "12"), (3, "12")):
        refused = invoke(aws, "skip", bucket, SHARD, after, "--state", tmp_path)
        assert isinstance(refused.exception, BadInput)


def test_no_bucket_goes_on_in_a_shard_that_no_bucket_knows(aws: Aws, tmp_path: Path) -> None:
    layout, carrier = made(aws, tmp_path), f"{CARRIER}{SHARD}"
    at = {SHARD: Position("after", "7", 60_000), carrier: carrier_at("7", 60_000)}
    take(tmp_path, layout, 2, Delta(positions=at))
    take(tmp_path, layout, 0, Delta())
    for shard in ("shardId-7", carrier):
        refused = invoke(aws, "skip", 2, shard, "12", "--state", tmp_path)
        assert isinstance(refused.exception, BadInput), shard
    assert LOCATIONS.view(layout.location(str(tmp_path), 2)).contents().whole.positions == at
    # its first records have reached another bucket
    assert invoke(aws, "skip", 0, SHARD, "12", "--state", tmp_path).exit_code == 0
    whole = LOCATIONS.view(layout.location(str(tmp_path), 0)).contents().whole
    assert whole.positions == {SHARD: Position("after", "12", 0)}


def test_a_state_goes_in_and_comes_out(aws: Aws, tmp_path: Path) -> None:
    source = made(aws, tmp_path / "other").source
    single, moved, again = tmp_path / "single", tmp_path / "moved", tmp_path / "again"
    at = Position("after", "7", 120_400)
    with closing(
        LOCATIONS.store(str(single), lambda _: None, lambda _: None, lambda: 0.5)
    ) as store:
        store.acquire(source)
        store.append(Commit(Delta(positions={SHARD: at}, counters={"events": 3}), [], [], None))
    done = invoke(aws, "init", "--state", moved, "--from", single)
    assert done.output.startswith(f"moved to {moved}: 0 sessions in memory"), done.exception
    assert require_layout(LOCATIONS, str(moved)).start == 60_000
    back = invoke(aws, "dissolve", "--state", moved, "--into", again)
    assert back.exit_code == 0, back.exception
    contents = LOCATIONS.view(str(again)).contents()
    assert contents.stream == source
    assert (contents.whole.positions, contents.whole.counters) == ({SHARD: at}, {"events": 3})
    refused = invoke(aws, "dissolve", "--state", moved, "--into", tmp_path / "third")
    assert isinstance(refused.exception, StreamReplaced)


def test_the_doctor_examines_a_fleet_where_a_keyed_stream_is_set(aws: Aws, tmp_path: Path) -> None:
    layout = made(aws, tmp_path)
    take(tmp_path, layout, 1, Delta())
    options = ["--state", tmp_path, "--dead-letters", tmp_path / "letters", "--json"]
    where = ["--endpoint-url", aws.endpoint, "--region", REGION, "--minutes", 1]
    shown = CliRunner(env=ENVIRON).invoke(doctor, [*map(str, options), *map(str, where)])
    checks = {one["check"]: one for one in json.loads(shown.stdout)["checks"]}
    assert checks["layout"]["verdict"] == "ok"
    assert checks["engine"]["verdict"] == "warn"
    assert checks["buckets"]["detail"] == "1 of 3 acquired (once: 1)"
    assert checks["keyed retention"]["detail"] == "168 h, against 24 h"
    assert checks["table voice-insights-router"]["verdict"] == "ok"
    assert "state" not in checks
