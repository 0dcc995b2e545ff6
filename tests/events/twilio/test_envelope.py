"""Envelopes: lists, strings that hold JSON, and the fate of everything that is none of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.scenes import BASE, cloud_event, envelope
from tests.testing.reading import read_user_record
from worker.events.decode import Delivery, decode
from worker.events.event import Event
from worker.events.occurrence import Damaged, Ignored, SinkTest
from worker.events.twilio.envelope import GATEWAY_TYPE
from worker.stream.record import Record

ARRIVAL = BASE + 60_000
GOOD = cloud_event(0, "stt_latency", {"latency_ms": 120}, 3)


def deliveries(data: bytes) -> list[Delivery]:
    return decode(Record("shard-0", "1", ARRIVAL, data, "key"))


def kinds(data: bytes) -> list[type]:
    return [type(one) for one in read_user_record(data, ARRIVAL)]


def edge(odd: bytes) -> bytes:
    """A good event with something odd in a field that isn't read."""
    relay = {"session_id": "VX1", "name": "dtmf", "sequence_number": 1}
    return envelope(relay, 0, edge="ODD").replace(b'"ODD"', odd)


def in_string(data: bytes) -> bytes:
    """The event with its ``data``, which comes last, as a string that holds JSON."""
    head, name, call = data[:-1].partition(b'"data": ')
    return head + name + json.dumps(call.decode()).encode() + b"}"


def test_white_space_around_an_event_is_nothing() -> None:
    assert read_user_record(b" \r\n\t" + GOOD + b"\n", ARRIVAL) == read_user_record(GOOD, ARRIVAL)


@pytest.mark.parametrize("before", [b"", b" ", b"\r\n\t  "])
def test_a_list_gives_its_events_in_their_order(before: bytes) -> None:
    data = before + b"[" + GOOD + b",\n" + cloud_event(5, "dtmf") + b"]"
    found = read_user_record(data, ARRIVAL)
    assert [one.name for one in found if isinstance(one, Event)] == ["stt_latency", "dtmf"]


def test_a_damaged_element_carries_its_own_bytes_and_spoils_no_other() -> None:
    good, *others = deliveries(b"[" + GOOD + b', {"type": 1},  null]')
    assert isinstance(good.occurrence, Event)
    assert {type(one.occurrence) for one in others} == {Damaged}
    assert [one.data for one in others] == [b'{"type": 1}', b"null"]


def test_a_list_within_a_list_is_one_damaged_occurrence() -> None:
    assert kinds(b"[[" + GOOD + b"]]") == [Damaged]


def test_a_list_that_is_cut_off_is_one_damaged_occurrence_with_all_its_bytes() -> None:
    data = b"[" + GOOD + b"," + GOOD[:-1]
    (one,) = deliveries(data)
    assert isinstance(one.occurrence, Damaged)
    assert one.data == data


@pytest.mark.parametrize(
    "odd",
    [
        b"1e400",
        b"-1" + b"0" * 400,
        b"1" * 5000,
        b"1" * 5000 + b"e-5000",
        b'"\\udc00\\ud800"',
        b'"\\u0000"',
        b"[" * 300 + b"]" * 300,
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b'{"": 1, "": 2}',
    ],
)
def test_oddities_do_no_harm_within_data_that_is_a_string(odd: bytes) -> None:
    assert read_user_record(in_string(edge(odd)), ARRIVAL) == read_user_record(edge(b"1"), ARRIVAL)
    assert read_user_record(edge(odd), ARRIVAL) == read_user_record(edge(b"1"), ARRIVAL)


@pytest.mark.parametrize("odd", [b"NaN", b"Infinity", b"-Infinity", b"01", b"'x'", b"\x01", b"+1"])
def test_what_json_does_not_know_is_damage_wherever_it_stands(odd: bytes) -> None:
    assert kinds(edge(odd)) == [Damaged]


def test_a_number_of_any_length_in_a_payload_is_left_to_the_rules() -> None:
    assert kinds(GOOD.replace(b"120", b"1" * 4301)) == [Event]


def test_nesting_beyond_any_use_is_damage_and_stops_nothing() -> None:
    (one,) = read_user_record(edge(b"[" * 200_000 + b"]" * 200_000), ARRIVAL)
    assert isinstance(one, Damaged)
    assert one.reason == "nested too deeply"


def test_half_a_surrogate_pair_in_a_name_is_replaced() -> None:
    data = cloud_event(0, "NAME").replace(b'"NAME"', b'"odd\\ud800"')
    (one,) = read_user_record(data, ARRIVAL)
    assert isinstance(one, Event)
    assert one.name == "odd?"


def test_a_key_that_stands_twice_counts_by_its_last() -> None:
    twice = GOOD.replace(b'"sequence_number": 3', b'"sequence_number": 1, "sequence_number": 9')
    (one,) = read_user_record(twice, ARRIVAL)
    assert isinstance(one, Event)
    assert one.sequence_number == 9


def test_invalid_utf_8_is_damage_by_name() -> None:
    (one,) = read_user_record(GOOD.replace(b"VX1", b"VX\xff"), ARRIVAL)
    assert isinstance(one, Damaged)
    assert one.reason == "not UTF-8"


@pytest.mark.parametrize("cut", range(1, len(GOOD), 17))
def test_an_event_cut_off_anywhere_is_damage(cut: int) -> None:
    assert kinds(GOOD[:cut]) == [Damaged]


def test_a_type_is_shortened_to_at_most_128_characters() -> None:
    assert read_user_record(json.dumps({"type": "x" * 1000}).encode(), ARRIVAL) == [
        Ignored("x" * 128)
    ]


@pytest.mark.parametrize("data", [None, 5, "", "{", "[1]", {}, {"test_id": 5}, {"test_id": None}])
def test_a_test_event_is_one_even_without_its_id(data: object) -> None:
    whole = {"type": "com.twilio.eventstreams.test-event", "id": "AC1", "data": data}
    assert read_user_record(json.dumps(whole).encode(), ARRIVAL) == [SinkTest("")]


finite = st.floats(allow_nan=False, allow_infinity=False)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
FIELDS = ("timestamp", "account_sid", "call_sid", "name", "group", "conversation_relay_data")
RELAY = (
    *("session_id", "sequence_number", "name", "stt_latency", "tts_latency", "interrupt"),
    *("last_token_received", "configurations", "language_changed", "call_wrap_up", "error"),
)


@given(st.binary(max_size=60))
@example(b"\xef\xbb\xbf")
@example(b"[\xff]")
def test_any_bytes_are_at_least_one_occurrence_and_never_an_exception(data: bytes) -> None:
    assert len(read_user_record(data, ARRIVAL)) >= 1


@settings(max_examples=100)
@given(
    st.dictionaries(st.sampled_from(RELAY), json_values, max_size=4),
    st.dictionaries(st.sampled_from(FIELDS[:-1]), json_values, max_size=2),
    st.sampled_from(["dtmf", "configurations", "call_wrap_up", "error", "language_info"]),
)
def test_any_values_in_any_fields_are_read_or_refused_never_an_exception(
    relay: dict[str, Any], data: dict[str, Any], name: str
) -> None:
    whole = envelope({"session_id": "VX1", "name": name, "sequence_number": 1, **relay}, 0, **data)
    (one,) = read_user_record(whole, ARRIVAL)
    assert isinstance(one, Event | Damaged)
    if isinstance(one, Event):
        assert one.key.session_id.strip()
        assert -(2**63) <= one.sequence_number < 2**63
        assert one.timestamp <= ARRIVAL + 3_600_000


@given(st.dictionaries(st.text(max_size=6), json_values, max_size=4))
def test_fields_that_nobody_knows_change_nothing(extra: dict[str, Any]) -> None:
    whole = json.loads(GOOD)
    known = set(whole)
    whole.update({name: value for name, value in extra.items() if name not in known})
    assert whole["type"] == GATEWAY_TYPE
    data = json.dumps(whole).encode()
    assert read_user_record(data, ARRIVAL) == read_user_record(GOOD, ARRIVAL)
