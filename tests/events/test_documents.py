"""Several JSON documents in one user record, and data that is no plain JSON text."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.counting import calls
from tests.events.fuzzing import REAL
from tests.scenes import BASE, cloud_event
from tests.testing.reading import read_user_record
from worker.errors import Unreadable
from worker.events.decode import MAX_PARTS, decode
from worker.events.documents import documents, wrapping
from worker.events.event import Event
from worker.events.occurrence import Damaged, Occurrence
from worker.stream.record import Record
from worker.testing.aggregates import aggregate

ARRIVAL = BASE + 60_000
EVENT = cloud_event(0, "dtmf")

blanks = st.text(" \t\r\n", max_size=3)
values = st.recursive(
    st.none() | st.booleans() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)


def read(data: bytes) -> list[Occurrence]:
    return read_user_record(data, ARRIVAL)


def reason(data: bytes) -> str:
    (one,) = read(data)
    assert isinstance(one, Damaged)
    return one.reason


@given(st.lists(values, min_size=1, max_size=5), st.data())
def test_documents_come_out_as_they_went_in_whatever_is_between(
    wanted: list[object], data: st.DataObject
) -> None:
    texts = [json.dumps(one, ensure_ascii=data.draw(st.booleans())) for one in wanted]
    whole = data.draw(blanks) + "".join(text + data.draw(blanks) for text in texts)
    assert documents(whole.encode(), 5) == [text.encode() for text in texts]


@given(
    st.lists(st.sampled_from(REAL), min_size=2, max_size=5), st.sampled_from(["", "\n", " \r\n"])
)
def test_documents_are_read_as_the_elements_of_a_list(bodies: list[bytes], between: str) -> None:
    by_document = decode(Record("s", "1", ARRIVAL, between.encode().join(bodies), "key"))
    try:
        for body in bodies:
            json.loads(body)
    except ValueError:
        (one,) = by_document
        assert isinstance(one.occurrence, Damaged)
        return
    by_element = decode(Record("s", "1", ARRIVAL, b"[" + b",".join(bodies) + b"]", "key"))
    assert by_document == by_element


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("between", [b"", b"\n", b"\r\n\r\n"])
def test_each_event_of_a_record_carries_its_own_bytes(indent: int | None, between: bytes) -> None:
    parts = [
        json.dumps(json.loads(cloud_event(at, "dtmf")), indent=indent).encode() for at in (0, 5)
    ]
    for whole in (between.join(parts), b"\xef\xbb\xbf" + between.join(parts) + b"\n"):
        found = decode(Record("s", "1", ARRIVAL, whole, "key"))
        assert [one.data for one in found] == parts
        assert all(isinstance(one.occurrence, Event) for one in found)


def test_the_documents_of_a_sub_record_are_identified_by_it() -> None:
    whole = aggregate("key", [EVENT, EVENT + b"\n" + EVENT])
    found = decode(Record("s", "1", ARRIVAL, whole, "key"))
    assert [one.sub_sequence for one in found] == [0, 1, 1]


def test_a_document_that_is_no_event_spoils_no_other() -> None:
    found = read(EVENT + b'\n5\n[1]\n{"type": 5}\n' + EVENT)
    assert [type(one) for one in found] == [Event, Damaged, Damaged, Damaged, Event]
    assert [type(one) for one in read(b"[1]" + EVENT)] == [Damaged, Event]


@pytest.mark.parametrize(
    "end", [b"x", b"{", b"NaN", b"{} {", b"\x00", b'"', b"\xff", b"}", b"[" * 100_000]
)
def test_what_is_not_json_to_its_end_is_one_dead_letter(end: bytes) -> None:
    whole = EVENT + b"\n" + EVENT + b"\n" + end
    (one,) = decode(Record("s", "1", ARRIVAL, whole, "key"))
    assert isinstance(one.occurrence, Damaged)
    assert one.data == whole


def test_more_documents_than_a_record_may_have_are_one_dead_letter() -> None:
    with pytest.raises(Unreadable, match="more than 3"):
        documents(b"1 2 3 4", 3)
    assert reason(b"{}" * (MAX_PARTS + 1)) == f"JSON documents: more than {MAX_PARTS}"
    assert len(read(b"{}" * MAX_PARTS)) == MAX_PARTS


def test_the_work_is_linear_in_the_number_of_documents() -> None:
    few = calls(lambda: documents(b"{} " * 1_000, MAX_PARTS))
    many = calls(lambda: documents(b"{} " * 10_000, MAX_PARTS))
    assert many < 11 * few


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (gzip.compress(EVENT), "gzip"),
        (zlib.compress(EVENT), "zlib"),
        (zlib.compress(EVENT, 1), "zlib"),
        (zlib.compress(EVENT, 9), "zlib"),
        (zstandard.compress(EVENT), "zstd"),
        (EVENT.decode().encode("utf-16"), "UTF-16"),
        (EVENT.decode().encode("utf-16-be"), "UTF-16"),
        (EVENT.decode().encode("utf-16-le"), "UTF-16"),
        (f"[{EVENT.decode()}]".encode("utf-16-le"), "UTF-16"),
    ],
)
def test_compressed_data_and_utf_16_are_named(data: bytes, named: str) -> None:
    assert named in reason(data)


@given(st.sampled_from(REAL))
def test_plain_text_is_not_named(data: bytes) -> None:
    assert wrapping(data) is None
