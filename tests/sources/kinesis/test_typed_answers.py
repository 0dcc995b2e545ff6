"""The typed decode of GetRecords answers: never another outcome than botocore's own parse."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from itertools import islice
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from hypothesis import given
from hypothesis import strategies as st

from worker.aws.clients import no_retry_config
from worker.sources.kinesis.api import RecordsAnswer, StreamFailure, StreamFailureKind
from worker.sources.kinesis.client import Kinesis
from worker.sources.kinesis.typed_answers import decode_typed
from worker.stream.record import Record
from worker.testing.moto_server import REGION
from worker.testing.traffic import Traffic, simulated_records

DATE = "Fri, 02 Oct 2026 12:00:00 GMT"


class Raw:
    """What a botocore response's body is read from."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> list[bytes]:
        return [self._body]


class Client:
    """A stream whose answers are given beforehand, and count of those that botocore parses."""

    def __init__(self, prepare: Callable[[Any], None]) -> None:
        self.status, self.body, self.slow = 200, b"", 0
        client = boto3.client(
            "kinesis",
            region_name=REGION,
            config=no_retry_config(threads=1),
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )
        client.meta.events.register("before-send.kinesis.GetRecords", self._send)
        prepare(client.meta.events)
        self._kinesis = Kinesis(client, "s", self._parsed_slowly)

    def get_records(self, body: bytes, status: int = 200) -> RecordsAnswer | StreamFailure:
        self.status, self.body = status, body
        return self._kinesis.get_records("shard", "iterator")

    def _send(self, **_: object) -> AWSResponse:
        return AWSResponse("http://loopback", self.status, {"Date": DATE}, Raw(self.body))

    def _parsed_slowly(self, slow: int) -> None:
        self.slow = slow


PLAIN = Client(lambda _: None)
TYPED = Client(decode_typed)


def a_record(data: bytes, stamp: object, **more: object) -> dict[str, Any]:
    return {
        "SequenceNumber": "49",
        "ApproximateArrivalTimestamp": stamp,
        "Data": base64.b64encode(data).decode(),
        "PartitionKey": "key",
        **more,
    }


def test_the_simulators_records_come_out_the_same_and_none_is_left_to_botocore() -> None:
    records = list(
        islice(simulated_records(Traffic(sessions=10, malformed=0.1, aggregates=0.1), 7), 800)
    )
    fields = [a_record(one.data, one.arrival / 1000, PartitionKey="é") for one in records]
    body = json.dumps({"Records": fields, "NextShardIterator": "n", "MillisBehindLatest": 7})
    slow = TYPED.slow
    typed = TYPED.get_records(body.encode())
    assert typed == PLAIN.get_records(body.encode())
    assert isinstance(typed, RecordsAnswer)
    assert typed.records == [Record("shard", "49", one.arrival, one.data, "é") for one in records]
    assert TYPED.slow == slow


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=3,
)
STAMPS = st.integers(0, 4_000_000_000_000_000).map(lambda micros: micros / 1_000_000)
RECORDS = st.fixed_dictionaries(
    {
        "SequenceNumber": st.text(max_size=5),
        "ApproximateArrivalTimestamp": STAMPS,
        "Data": st.binary(max_size=20).map(lambda data: base64.b64encode(data).decode()),
        "PartitionKey": st.text(max_size=5),
    },
    optional={"EncryptionType": st.sampled_from(["NONE", "KMS"]), "novel": ANYTHING},
)
CHILDREN = st.fixed_dictionaries(
    {"ShardId": st.text(max_size=5), "ParentShards": st.lists(st.text(max_size=5), max_size=2)},
    optional={"HashKeyRange": st.just({"StartingHashKey": "0", "EndingHashKey": "1"})},
)
ANSWERS = st.fixed_dictionaries(
    {"Records": st.lists(RECORDS, max_size=4)},
    optional={
        "NextShardIterator": st.none() | st.text(max_size=5),
        "MillisBehindLatest": st.none() | st.integers(0, 1 << 53),
        "ChildShards": st.none() | st.lists(CHILDREN, max_size=2),
        "novel": ANYTHING,
    },
)


def same(body: bytes, status: int = 200) -> None:
    typed, plain = TYPED.get_records(body, status), PLAIN.get_records(body, status)
    assert typed == plain


@given(ANSWERS, st.booleans())
def test_any_answer_comes_out_the_same(answer: dict[str, Any], escaped: bool) -> None:
    same(json.dumps(answer, ensure_ascii=escaped).encode("utf-8", "replace"))


@given(ANSWERS, st.data())
def test_an_answer_with_anything_in_a_fields_place_comes_out_the_same(
    answer: dict[str, Any], data: st.DataObject
) -> None:
    places = [answer, *answer["Records"]]
    place = places[data.draw(st.integers(0, len(places) - 1))]
    key = data.draw(st.sampled_from(sorted(place)))
    if data.draw(st.booleans()):
        del place[key]
    else:
        place[key] = data.draw(ANYTHING)
    same(json.dumps(answer).encode())


@given(ANSWERS, st.data())
def test_a_body_cut_off_or_spoilt_anywhere_comes_out_the_same(
    answer: dict[str, Any], data: st.DataObject
) -> None:
    body = bytearray(json.dumps(answer).encode())
    place = data.draw(st.integers(0, len(body) - 1))
    if data.draw(st.booleans()):
        del body[place:]
    else:
        body[place] = data.draw(st.integers(0, 255))
    same(bytes(body))


@pytest.mark.parametrize("status", [200, 400, 500, 503])
@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"<html>", b'{"__type":"ExpiredIteratorException","message":"m"}']
)
def test_an_error_is_botocores_to_read(body: bytes, status: int) -> None:
    same(body, status)
    assert isinstance(TYPED.get_records(body, status), StreamFailure)


def test_what_only_botocore_reads_is_read_and_counted() -> None:
    odd = json.dumps({"Records": [a_record(b"x", "2026-10-02T12:00:00Z")]}).encode()
    slow = TYPED.slow
    answer = TYPED.get_records(odd)
    assert isinstance(answer, RecordsAnswer)
    assert answer.records == [Record("shard", "49", 1_790_942_400_000, b"x", "key")]
    assert TYPED.slow == slow + 1


def test_an_answer_that_nobody_can_read_is_the_service_away() -> None:
    failure = TYPED.get_records(b'{"Records":[{"Data":5}]}')
    assert isinstance(failure, StreamFailure)
    assert failure.kind is StreamFailureKind.UNAVAILABLE
