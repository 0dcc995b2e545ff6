"""The boto3 shell: against moto's server, and against answers that moto never gives."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.aws.sessions import any_session
from worker.aws.clients import no_retry_config
from worker.errors import Misconfigured
from worker.sources.kinesis.api import RecordsAnswer, StreamFailure, StreamFailureKind
from worker.sources.kinesis.client import Kinesis, open_stream
from worker.sources.kinesis.lineage import ShardInfo, StreamDescription, first_positions
from worker.sources.kinesis.reader import Reader, describe_stream
from worker.stream.position import Position
from worker.stream.record import Record
from worker.testing.moto_server import REGION, embedded_aws
from worker.testing.strict_kinesis import ARN

KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
SHARD = "shardId-000000000000"
DATE = "Fri, 02 Oct 2026 12:00:00 GMT"
DATE_MS = 1_790_942_400_000


def a_client(endpoint: str, **config: Any) -> Any:
    return boto3.client(
        "kinesis",
        region_name=REGION,
        endpoint_url=endpoint,
        config=no_retry_config(threads=4).merge(Config(**config)),
        **KEYS,
    )


# Against moto's server


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with embedded_aws() as endpoint:
        yield endpoint


def make_stream(endpoint: str, name: str, shards: int, records: int) -> Any:
    client = a_client(endpoint)
    client.create_stream(StreamName=name, ShardCount=shards)
    for n in range(records):
        client.put_record(StreamName=name, Data=b"\x00%d" % n, PartitionKey=f"key {n}")
    return client


def fetch(kinesis: Kinesis, position: Position) -> list[bytes]:
    iterator = kinesis.shard_iterator(SHARD, position)
    assert isinstance(iterator, str)
    answer = kinesis.get_records(SHARD, iterator)
    assert isinstance(answer, RecordsAnswer)
    return [record.data for record in answer.records]


@pytest.mark.slow
def test_a_description_has_creation_retention_date_and_lineage(endpoint: str) -> None:
    client = make_stream(endpoint, "surveyed", 2, 0)
    middle = str(1 << 126)
    client.split_shard(StreamName="surveyed", ShardToSplit=SHARD, NewStartingHashKey=middle)
    kinesis = Kinesis(client, "surveyed")
    description = kinesis.describe()
    assert isinstance(description, StreamDescription)
    assert description.retention == 86_400_000
    assert description.server_date is not None
    assert description.created - 1000 < description.server_date < description.created + 60_000
    assert description.shards == (
        ShardInfo("shardId-000000000000"),
        ShardInfo("shardId-000000000001"),
        ShardInfo("shardId-000000000002", ("shardId-000000000000",)),
        ShardInfo("shardId-000000000003", ("shardId-000000000000",)),
    )
    again = kinesis.describe()
    assert isinstance(again, StreamDescription)
    assert again.created == description.created


@pytest.mark.slow
def test_reading_starts_where_the_position_says(endpoint: str) -> None:
    kinesis = Kinesis(make_stream(endpoint, "positioned", 1, 3), "positioned")
    everything = [b"\x000", b"\x001", b"\x002"]
    iterator = kinesis.shard_iterator(SHARD, Position("trim_horizon"))
    assert isinstance(iterator, str)
    answer = kinesis.get_records(SHARD, iterator)
    assert isinstance(answer, RecordsAnswer)
    assert [record.data for record in answer.records] == everything
    first, *_, last = answer.records
    assert first.partition_key == "key 0"
    assert first.shard == SHARD
    assert answer.size == 3 * (2 + 5)
    assert answer.next_iterator
    assert answer.server_date is not None
    assert abs(answer.server_date - last.arrival) < 60_000
    assert fetch(kinesis, Position("after", first.sequence_number)) == everything[1:]
    earlier = str(first.arrival - 2000)
    assert fetch(kinesis, Position("at_timestamp", earlier)) == everything
    assert fetch(kinesis, Position("at_timestamp", str(last.arrival + 2000))) == []


@pytest.mark.slow
def test_a_stream_or_shard_that_is_not_there_is_gone(endpoint: str) -> None:
    kinesis = Kinesis(make_stream(endpoint, "short", 1, 0), "short")
    gone = kinesis.shard_iterator("shardId-000000000007", Position("trim_horizon"))
    assert isinstance(gone, StreamFailure)
    assert gone.kind is StreamFailureKind.GONE
    with pytest.raises(Misconfigured, match="ResourceNotFoundException"):
        describe_stream(Kinesis(a_client(endpoint), "never made"))


@pytest.mark.slow
def test_the_reader_reads_a_stream_of_several_shards_through_boto3(endpoint: str) -> None:
    client = make_stream(endpoint, "read", 3, 60)
    kinesis = Kinesis(client, "read")
    description = describe_stream(kinesis)
    positions = first_positions(description, "trim_horizon")
    reader = Reader(kinesis, positions, description.created, lambda reader_event: None)
    reader.start()
    records: list[Record] = []
    clocks: set[str] = set()
    while len(records) < 60 or len(clocks) < 3:
        for batch in reader.poll(10):
            records += batch.records
            if batch.clock is not None:
                clocks.add(batch.shard)
    reader.stop()
    assert sorted(record.data for record in records) == sorted(b"\x00%d" % n for n in range(60))


# Against answers as AWS gives them


ScriptedAnswer = tuple[int, Mapping[str, Any] | bytes]
"""Status, and the fields of a body or what is sent instead of one."""


class Script:
    """What a server on loopback answers, and what it was asked."""

    def __init__(self) -> None:
        self.answers: list[ScriptedAnswer] = []
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.hang = threading.Event()
        self.hang.set()


@contextmanager
def scripted(*answers: ScriptedAnswer) -> Iterator[tuple[Script, str]]:
    script = Script()
    script.answers += answers

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            script.requests.append((operation, json.loads(self.rfile.read(length))))
            script.hang.wait()
            status, fields = script.answers.pop(0)
            body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
            self.send_response_only(status)
            self.send_header("Date", DATE)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(max(len(body), 10)))
            self.end_headers()
            with suppress(OSError):  # whoever asked may have gone
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield script, f"http://127.0.0.1:{server.server_port}"
    finally:
        script.hang.set()
        server.shutdown()
        server.server_close()
        thread.join()


def an_error(code: str, status: int = 400) -> ScriptedAnswer:
    return status, {"__type": code, "message": "of the service's"}


def test_an_answer_at_a_shards_end_names_its_children() -> None:
    children = [
        {"ShardId": "b", "ParentShards": ["a"], "HashKeyRange": _KEYS},
        {"ShardId": "c", "ParentShards": ["a", "z"], "HashKeyRange": _KEYS},
    ]
    record = {
        "SequenceNumber": "0049",
        "ApproximateArrivalTimestamp": 1790942399.123,
        "Data": base64.b64encode(b"\xff\x00").decode(),
        "PartitionKey": "key",
    }
    end = {"Records": [record], "MillisBehindLatest": 0, "ChildShards": children}
    with scripted((200, end)) as (script, endpoint):
        answer = Kinesis(a_client(endpoint), "s").get_records("a", "iterator")
    assert answer == RecordsAnswer(
        [Record("a", "0049", 1_790_942_399_123, b"\xff\x00", "key")],
        None,
        0,
        DATE_MS,
        5,
        (ShardInfo("b", ("a",)), ShardInfo("c", ("a", "z"))),
    )
    assert script.requests == [("GetRecords", {"ShardIterator": "iterator"})]


_KEYS = {"StartingHashKey": "0", "EndingHashKey": "1"}


def test_a_listing_is_read_page_by_page() -> None:
    summary = {
        "StreamDescriptionSummary": {
            "StreamARN": ARN,
            "StreamCreationTimestamp": 1790000000.25,
            "RetentionPeriodHours": 48,
        }
    }
    first = {"Shards": [{"ShardId": "a"}], "NextToken": "more"}
    second = {"Shards": [{"ShardId": "c", "ParentShardId": "a", "AdjacentParentShardId": "b"}]}
    with scripted((200, summary), (200, first), (200, second)) as (script, endpoint):
        description = Kinesis(a_client(endpoint), "s").describe()
    shards = (ShardInfo("a"), ShardInfo("c", ("a", "b")))
    assert description == StreamDescription(ARN, 1_790_000_000_250, 48 * 3_600_000, DATE_MS, shards)
    assert script.requests == [
        ("DescribeStreamSummary", {"StreamName": "s"}),
        ("ListShards", {"StreamName": "s"}),
        ("ListShards", {"NextToken": "more"}),
    ]


def test_a_stream_named_by_its_arn_is_asked_for_by_it() -> None:
    answers: list[ScriptedAnswer] = [
        (200, {"ShardIterator": "i"}),
        (200, {"Records": [], "NextShardIterator": "j"}),
    ]
    with scripted(*answers) as (script, endpoint):
        kinesis = Kinesis(a_client(endpoint), ARN)
        kinesis.shard_iterator("a", Position("at_timestamp", "1790942400000"))
        kinesis.get_records("a", "i")
    assert script.requests == [
        (
            "GetShardIterator",
            {
                "StreamARN": ARN,
                "ShardId": "a",
                "ShardIteratorType": "AT_TIMESTAMP",
                "Timestamp": 1790942400,
            },
        ),
        ("GetRecords", {"StreamARN": ARN, "ShardIterator": "i"}),
    ]


@pytest.mark.parametrize(
    ("position", "asked"),
    [
        (Position("trim_horizon"), {"ShardIteratorType": "TRIM_HORIZON"}),
        (
            Position("after", "49"),
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": "49"},
        ),
        (
            Position("at_timestamp", "1790942400000"),
            {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1790942400},
        ),
    ],
)
def test_an_iterator_is_asked_for_where_the_position_says(
    position: Position, asked: dict[str, Any]
) -> None:
    with scripted((200, {"ShardIterator": "i"})) as (script, endpoint):
        assert Kinesis(a_client(endpoint), "s").shard_iterator("a", position) == "i"
    assert script.requests == [("GetShardIterator", {"StreamName": "s", "ShardId": "a", **asked})]


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ProvisionedThroughputExceededException", 400, StreamFailureKind.THROTTLED),
        ("LimitExceededException", 400, StreamFailureKind.THROTTLED),
        ("KMSThrottlingException", 400, StreamFailureKind.THROTTLED),
        ("ExpiredIteratorException", 400, StreamFailureKind.EXPIRED),
        ("InvalidArgumentException", 400, StreamFailureKind.EXPIRED),
        ("ResourceNotFoundException", 400, StreamFailureKind.GONE),
        ("AccessDeniedException", 400, StreamFailureKind.DENIED),
        ("KMSAccessDeniedException", 400, StreamFailureKind.DENIED),
        ("InternalFailure", 500, StreamFailureKind.UNAVAILABLE),
        ("ServiceUnavailable", 503, StreamFailureKind.UNAVAILABLE),
    ],
)
def test_every_error_of_the_service_is_reported_once_by_its_meaning(
    code: str, status: int, kind: StreamFailureKind
) -> None:
    with scripted(an_error(code, status)) as (script, endpoint):
        failure = Kinesis(a_client(endpoint), "s").get_records("a", "i")
    assert isinstance(failure, StreamFailure)
    assert failure.kind is kind
    assert code in failure.detail
    assert len(script.requests) == 1  # no retry behind the reader's back


def test_a_sequence_number_that_the_stream_takes_no_more_is_refused() -> None:
    with scripted(an_error("InvalidArgumentException")) as (_, endpoint):
        failure = Kinesis(a_client(endpoint), "s").shard_iterator("a", Position("after", "1"))
    assert isinstance(failure, StreamFailure)
    assert failure.kind is StreamFailureKind.REFUSED


def test_a_stream_still_being_made_is_waited_for() -> None:
    with scripted(an_error("ResourceInUseException")) as (_, endpoint):
        failure = Kinesis(a_client(endpoint), "s").describe()
    assert isinstance(failure, StreamFailure)
    assert failure.kind is StreamFailureKind.UNAVAILABLE


def test_no_connection_is_the_service_away() -> None:
    with scripted() as (_, endpoint):
        kinesis = Kinesis(a_client(endpoint), "s")
    failure = kinesis.get_records("a", "i")  # the server has ended
    assert isinstance(failure, StreamFailure)
    assert failure.kind is StreamFailureKind.UNAVAILABLE


def test_an_answer_that_never_comes_is_the_service_away() -> None:
    with scripted() as (script, endpoint):
        script.hang.clear()
        failure = Kinesis(a_client(endpoint, read_timeout=0.05), "s").get_records("a", "i")
        script.answers.append((200, {}))
    assert isinstance(failure, StreamFailure)
    assert failure.kind is StreamFailureKind.UNAVAILABLE
    assert "timeout" in failure.detail.lower()


@pytest.mark.parametrize("body", [b"<html>of a proxy</html>", b"{}"])
def test_an_answer_that_is_cut_off_or_no_json_is_the_service_away(body: bytes) -> None:
    with scripted((200, body)) as (_, endpoint):
        failure = Kinesis(a_client(endpoint), "s").get_records("a", "i")
    assert isinstance(failure, StreamFailure)
    assert failure.kind is StreamFailureKind.UNAVAILABLE


def test_a_stream_without_a_name_is_the_operators() -> None:
    with pytest.raises(Misconfigured):
        describe_stream(Kinesis(a_client("http://127.0.0.1:1"), ""), lambda _: pytest.fail("again"))


@pytest.mark.parametrize("endpoint", ["nonsense", "ftp:/x"])
def test_an_endpoint_that_is_no_url_is_the_operators(endpoint: str) -> None:
    with pytest.raises(Misconfigured):
        open_stream("s", any_session(), region=REGION, endpoint=endpoint, threads=1, now=None)
