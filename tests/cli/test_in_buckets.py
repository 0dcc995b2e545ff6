"""``session`` and ``dead-letters`` where state, records and letters are in a bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.cli.test_dead_letters import LETTERS, READABLE
from tests.cli.test_session import CALL, HOUR, WRAP_UP
from tests.live import Aws
from tests.scenes import BASE, records
from tests.scenes import Result as Played
from worker.cli.dead_letters import dead_letters
from worker.cli.report import report
from worker.cli.session import session
from worker.destinations.objects import DEAD_LETTERS, RECORDS, ObjectSink, letter_time, record_time
from worker.errors import BadInput, CorruptState, Misconfigured
from worker.events.decode import decode
from worker.objectstore.s3 import Bucket
from worker.partition.dead_letters import encode_letter
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.state.s3.maintenance import MaintenanceSchedule
from worker.state.s3.store import S3Store
from worker.state.store import Commit
from worker.testing.moto_server import REGION, embedded_aws

pytestmark = pytest.mark.slow

ANYBODY = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with embedded_aws() as endpoint:
        yield Aws(endpoint, "redriven", shards=1)


@pytest.fixture
def name(aws: Aws, request: pytest.FixtureRequest) -> str:
    name = f"b{abs(hash(request.node.name))}"
    aws.client("s3").create_bucket(Bucket=name)
    return name


def bucket(aws: Aws, name: str, prefix: str = "all") -> Bucket:
    return Bucket(aws.client("s3"), name, prefix)


def invoke(aws: Aws, command: Any, *arguments: object) -> Result:
    where = ["--endpoint-url", aws.endpoint, "--region", REGION]
    return CliRunner(env=ANYBODY).invoke(command, [*map(str, arguments), *where])


class Owner:
    """A worker's hold on a state in a bucket."""

    def __init__(self, at: Bucket) -> None:
        self.store = S3Store(
            at, observer=lambda _: None, schedule=MaintenanceSchedule(2, 1 << 40, 1)
        )
        self._partition = Partition(Rules(), self.store.acquire("s"))

    def takes(self, *scene: tuple[object, ...]) -> None:
        for record in records(scene):
            self._partition.fold(decode(record))
        self._commit()

    def waits(self, ms: int) -> None:
        self._partition.tip("shard-0", BASE + ms)
        self._commit()

    def _commit(self) -> None:
        self._partition.advance(["shard-0"])
        delta, outputs = self._partition.commit()
        self.store.append(Commit(delta, [], list(outputs.evicted.values()), None))


@pytest.mark.parametrize("sid", ["VX1", "CA1"])
def test_a_session_is_found_open_and_closed_and_compacted_and_its_owner_goes_on(
    aws: Aws, name: str, sid: str
) -> None:
    owner = Owner(bucket(aws, name, "state"))
    place = ("--state", f"s3://{name}/state")
    owner.takes(*CALL)
    opened = invoke(aws, session, sid, *place)
    assert opened.exit_code == 0, opened.output
    assert f"{len(CALL)} events" in opened.stdout
    owner.takes(WRAP_UP)
    owner.waits(HOUR)
    expected = Played(records((*CALL, WRAP_UP))).record
    for _ in range(3):
        shown = json.loads(invoke(aws, session, sid, *place, "--json").stdout)
        assert {**shown, "completeness": None} == {**expected, "completeness": None}
        owner.store.compact()
        owner.waits(2 * HOUR)


def test_an_unknown_session_and_no_state_and_a_damaged_one_are_told_in_one_line(
    aws: Aws, name: str
) -> None:
    place = f"s3://{name}/state"
    assert isinstance(invoke(aws, session, "VX1", "--state", place).exception, BadInput)
    Owner(bucket(aws, name, "state")).takes(*CALL)
    unknown = invoke(aws, session, "VX9", "--state", place).exception
    assert isinstance(unknown, BadInput)
    assert place in str(unknown)
    aws.client("s3").put_object(Bucket=name, Key="state/manifest", Body=b"damaged")
    assert isinstance(invoke(aws, session, "VX1", "--state", place).exception, CorruptState)
    nowhere = invoke(aws, session, "VX1", "--state", "s3://never-made/state").exception
    assert isinstance(nowhere, Misconfigured)
    assert "\n" not in str(nowhere)


def test_a_session_is_found_in_records_by_its_last_revision_from_any_place_above_it(
    aws: Aws, name: str
) -> None:
    sink = ObjectSink(bucket(aws, name), RECORDS, record_time)
    first = Played(records(CALL)).record
    again = {**Played(records((*CALL, WRAP_UP))).record, "revision": 2}
    other = {**first, "session_id": "VX2", "call_sid": "CA2"}
    for lines in ([first, other], [again]):
        sink.send(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    day = f"sessions/dt={again['ended_at'][:10]}"
    hour = f"{day}/hour={again['ended_at'][11:13]}"
    for place in ("all", "all/", "all/sessions", f"all/{day}", f"all/{hour}"):
        shown = invoke(aws, session, "VX1", "--records", f"s3://{name}/{place}", "--json")
        assert json.loads(shown.stdout) == again, place
    for place in ("", "all/dead-letters", "all/sessions/dt=1999-01-01"):
        shown = invoke(aws, session, "VX1", "--records", f"s3://{name}/{place}")
        assert isinstance(shown.exception, BadInput), place


def test_letters_are_counted_shown_and_redriven_as_often_as_one_likes(aws: Aws, name: str) -> None:
    sink = ObjectSink(bucket(aws, name), DEAD_LETTERS, letter_time)
    for letter in LETTERS:
        sink.send(encode_letter(letter) + b"\n")
    place = f"s3://{name}/all"
    listed = invoke(aws, dead_letters, "list", place)
    assert listed.exit_code == 0, listed.output
    rows = [line.split() for line in listed.stdout.splitlines()]
    assert ["2", "not", "UTF-8", "1", "2026-10-02T12:00:01.000Z", "shard-1"] in rows
    (at,) = [row[:2] for row in rows if row[2:] == ["not", "UTF-8"] and row[0] != "2"]
    shown = invoke(aws, dead_letters, "show", *at)
    assert "sequence number 18" in shown.stdout
    for wrong in ((place, 1), (f"{place}/dead-letters/none.jsonl.zst", 1), (at[0], 2)):
        assert isinstance(invoke(aws, dead_letters, "show", *wrong).exception, BadInput)
    told = "1 dead letters put into redriven, 2 left: 2 still unreadable\n"
    for _ in range(2):
        done = invoke(aws, dead_letters, "redrive", place, "--into", "redriven")
        assert done.stdout == told, done.output
    assert _put_into(aws) == [READABLE] * 2
    aws.client("s3").put_object(
        Bucket=name, Key="all/dead-letters/dt=2026-10-02/hour=00/x.jsonl.zst", Body=b"damaged"
    )
    damaged = invoke(aws, dead_letters, "list", place).exception
    assert isinstance(damaged, BadInput)
    assert "hour=00/x.jsonl.zst" in str(damaged)


def _put_into(aws: Aws) -> list[bytes]:
    shard = aws.kinesis.list_shards(StreamName=aws.stream)["Shards"][0]["ShardId"]
    iterator = aws.kinesis.get_shard_iterator(
        StreamName=aws.stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = aws.kinesis.get_records(ShardIterator=iterator)["Records"]
    return [record["Data"] for record in records]


def reported(aws: Aws, place: str) -> dict[str, Any]:
    done = invoke(aws, report, place, "--json", "-o", "-")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_report_is_made_of_a_state_or_of_records_in_a_bucket(aws: Aws, name: str) -> None:
    owner = Owner(bucket(aws, name, "state"))
    owner.takes(*CALL, WRAP_UP)
    opened = reported(aws, f"s3://{name}/state")
    owner.waits(HOUR)
    owner.waits(4 * HOUR)
    closed = reported(aws, f"s3://{name}/state")
    (record,) = Played(records((*CALL, WRAP_UP))).lines
    ObjectSink(bucket(aws, name), RECORDS, record_time).send(record + b"\n")
    written = reported(aws, f"s3://{name}/all/{RECORDS}/dt=2026-10-02")
    assert [one["source"] for one in (opened, closed, written)] == ["state", "state", "records"]
    assert closed["fleet"] == written["fleet"]
    assert opened["sessions"]["longest"] == closed["sessions"]["longest"] == [900]
    done = invoke(aws, report, f"s3://{name}/nothing", "-o", "-")
    assert isinstance(done.exception, BadInput)
