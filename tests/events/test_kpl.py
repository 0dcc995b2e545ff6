"""KPL aggregates: whole ones are opened as the library opens them, broken ones never hide."""

from __future__ import annotations

import base64
from hashlib import md5

import pytest
from aws_kinesis_agg.aggregator import RecordAggregator
from aws_kinesis_agg.deaggregator import deaggregate_records, messages_pb2
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import Unreadable
from worker.events.decode import decode
from worker.events.kpl import MAGIC, user_records
from worker.events.occurrence import Damaged
from worker.stream.record import Record


def aggregate(records: list[bytes]) -> bytes:
    aggregator = RecordAggregator()
    for data in records:
        aggregator.add_user_record("key", data)
    contents: bytes = aggregator.clear_and_get().get_contents()[2]
    return contents


def sealed(message: bytes) -> bytes:
    return MAGIC + message + md5(message, usedforsecurity=False).digest()


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=8))
def test_an_aggregate_opens_as_the_library_opens_it(records: list[bytes]) -> None:
    data = aggregate(records)
    kinesis = {
        "kinesisSchemaVersion": "1.0",
        "sequenceNumber": "1",
        "approximateArrivalTimestamp": 0,
        "partitionKey": "key",
        "data": base64.b64encode(data),
    }
    oracle = deaggregate_records({"kinesis": kinesis})
    assert user_records(data) == [base64.b64decode(one["kinesis"]["data"]) for one in oracle]


def test_a_plain_record_is_no_aggregate() -> None:
    assert user_records(b'{"type": "x"}') is None
    assert user_records(b"") is None


@pytest.mark.parametrize(
    "data",
    [
        MAGIC,
        MAGIC + b"x" * 10,
        sealed(b""),
        sealed(b"\xff\xff\xff"),
        aggregate([b"a", b"b"])[:-1],
        aggregate([b"a", b"b"])[:-1] + b"\x00",
    ],
)
def test_a_broken_aggregate_is_one_dead_letter(data: bytes) -> None:
    with pytest.raises(Unreadable, match="KPL aggregate"):
        user_records(data)
    (delivery,) = decode(Record("s", "1", 0, data, ""))
    assert isinstance(delivery.occurrence, Damaged)
    assert delivery.data == data


def test_an_index_that_points_at_no_key_costs_nothing() -> None:
    message = messages_pb2.AggregatedRecord()
    message.partition_key_table.append("key")
    for index in (0, 99):
        record = message.records.add()
        record.partition_key_index = index
        record.data = b"x"
    assert user_records(sealed(message.SerializeToString())) == [b"x", b"x"]


def test_each_sub_record_knows_its_place() -> None:
    deliveries = decode(Record("s", "7", 5, aggregate([b"a", b"b"]), ""))
    assert [(one.place.sequence_number, one.place.sub_sequence) for one in deliveries] == [
        ("7", 0),
        ("7", 1),
    ]


WHOLE = aggregate([b'{"type": "a"}', b'{"type": "b"}'])


def test_an_aggregate_cut_off_anywhere_is_refused_whole() -> None:
    for size in range(len(MAGIC), len(WHOLE)):
        with pytest.raises(Unreadable, match="KPL aggregate"):
            user_records(WHOLE[:size])


def test_a_flipped_bit_anywhere_is_noticed() -> None:
    for place in range(len(MAGIC), len(WHOLE)):
        spoilt = bytearray(WHOLE)
        spoilt[place] ^= 1
        with pytest.raises(Unreadable, match="KPL aggregate"):
            user_records(bytes(spoilt))


@given(st.binary(max_size=60))
def test_any_message_under_a_right_checksum_is_opened_or_refused(message: bytes) -> None:
    try:
        found = user_records(sealed(message))
    except Unreadable:
        return
    assert found
