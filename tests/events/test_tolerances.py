"""What is read although it is odd, and what is refused: each by a case from life."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.scenes import BASE, cloud_event, envelope
from tests.testing.reading import read_user_record
from worker.events.decode import decode
from worker.events.event import Event, SessionKey
from worker.events.occurrence import Damaged, Ignored, Occurrence, SinkTest
from worker.events.payload import Latency
from worker.stream.record import Record

ARRIVAL = BASE + 60_000


def read(data: bytes, arrival: int = ARRIVAL) -> Occurrence:
    (one,) = read_user_record(data, arrival)
    return one


def event(data: bytes) -> Event:
    one = read(data)
    assert isinstance(one, Event), one
    return one


def reason(data: bytes, arrival: int = ARRIVAL) -> str:
    (delivery,) = decode(Record("shard-0", "1", arrival, data, "key"))
    one = delivery.occurrence
    assert isinstance(one, Damaged), one
    assert delivery.data == data
    return one.reason


def edited(**data: Any) -> bytes:
    return envelope({"session_id": "VX1", "name": "dtmf", "sequence_number": 1}, 0, **data)


def relay(**fields: Any) -> bytes:
    return cloud_event(0, "dtmf", **fields)


def test_an_event_is_read_whole() -> None:
    one = event(cloud_event(250, "stt_latency", {"latency_ms": 230}, 7))
    assert one.key == SessionKey("twilio", "AC1", "CA1", "VX1")
    assert (one.timestamp, one.sequence_number, one.name) == (BASE + 250, 7, "stt_latency")
    assert (one.payload, one.arrival) == (Latency(230), ARRIVAL)


def test_data_may_be_a_string_that_holds_json() -> None:
    whole = json.loads(relay())
    whole["data"] = json.dumps(whole["data"])
    assert event(json.dumps(whole).encode()) == event(relay())


def test_a_list_holds_an_occurrence_an_element() -> None:
    found = read_user_record(b" [" + relay() + b', 5, {"type": "x"}]', ARRIVAL)
    assert [type(one) for one in found] == [Event, Damaged, Ignored]


@pytest.mark.parametrize("edge", [None, "carrier_edge", 5, {}])
def test_envelope_fields_that_are_not_needed_may_be_anything(edge: object) -> None:
    whole = json.loads(edited(edge=edge, level=edge, carrier_edge=edge))
    whole.update(datacontenttype="2025-10-08T07:17:02.363Z", time=edge, dataschema=edge, id=edge)
    assert event(json.dumps(whole).encode()).name == "dtmf"


def test_the_nested_name_goes_before_the_outer_one_and_may_be_missing() -> None:
    assert event(edited(name="digit")).name == "dtmf"
    nameless = envelope({"session_id": "VX1", "sequence_number": 1}, 0, name="digit")
    assert event(nameless).name == "digit"


@pytest.mark.parametrize(
    ("alias", "name"),
    [("error", "error_event"), ("last_token_received", "final_token_received")],
)
def test_aliases_have_one_name(alias: str, name: str) -> None:
    assert event(cloud_event(0, alias)).name == name


def test_payloads_of_other_names_are_ignored() -> None:
    everything = {
        "tts_latency": {"latency_ms": 230},
        "interrupt": {"type": "DTMF"},
        "call_wrap_up": {"duration_in_seconds": 185, "end_status": "ended"},
        "stt_latency": "not even an object",
    }
    assert event(relay(**everything)).payload is None
    assert event(cloud_event(0, "tts_latency", {"latency_ms": 5})).payload == Latency(5)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-10-02T12:00:00Z", 0),
        ("2026-10-02T12:00:00.1239999Z", 123),
        ("2026-10-02T14:00:00.5+02:00", 500),
        ("2026-10-02T06:30:00-05:30", 0),
        ("2026-10-02T12:00:00", 0),
        ("2026-10-02t12:00:00z", 0),
    ],
)
def test_times_are_rfc_3339_of_any_offset_cut_to_milliseconds(text: str, ms: int) -> None:
    assert event(edited(timestamp=text)).timestamp == BASE + ms


def test_the_envelopes_time_stands_in_for_a_missing_one() -> None:
    whole = json.loads(edited(timestamp=None))
    whole["time"] = "2026-10-02T12:00:01Z"
    assert event(json.dumps(whole).encode()).timestamp == BASE + 1000


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-13-02T12:00:00Z", 5, "2026-10-02"])
def test_without_a_time_it_is_a_dead_letter(text: object) -> None:
    assert reason(edited(timestamp=text)) == "timestamp: missing, or not RFC 3339"


def test_an_hour_ahead_of_its_arrival_is_the_limit() -> None:
    assert isinstance(read(relay(), BASE - 3_600_000), Event)
    assert reason(relay(), BASE - 3_600_001) == "timestamp: more than 1 h ahead of its arrival"


def test_31_days_before_its_arrival_is_the_limit() -> None:
    limit = BASE + 31 * 86_400_000
    assert isinstance(read(relay(), limit), Event)
    assert reason(relay(), limit + 1) == "timestamp: more than 31 days before its arrival"


@pytest.mark.parametrize("session", ["", "  ", None, 5, ["VX1"]])
def test_without_a_session_it_is_a_dead_letter(session: object) -> None:
    assert reason(relay(session_id=session)).startswith("session_id")


@pytest.mark.parametrize("number", [True, "7", 1.0, None, [1], -1, 2**31, -(2**63), 10**30])
def test_a_sequence_number_is_an_integer_from_0_to_2147483647(number: object) -> None:
    assert reason(relay(sequence_number=number)).startswith("sequence_number")


@pytest.mark.parametrize("number", [0, 7, 2**31 - 1])
def test_any_integer_from_0_to_2147483647_is_a_sequence_number(number: int) -> None:
    assert event(relay(sequence_number=number)).sequence_number == number


@pytest.mark.parametrize(
    "kind", ["com.twilio.voice.insights.call-event.sdk", "com.twilio.messaging.delivered", ""]
)
def test_other_types_are_ignored_whatever_their_data(kind: str) -> None:
    assert isinstance(read(json.dumps({"type": kind, "data": 5}).encode()), Ignored)


def test_a_gateway_event_that_is_no_relay_event_is_ignored() -> None:
    assert isinstance(read(envelope(None, 0, group="call")), Ignored)


@pytest.mark.parametrize("data", [None, 5, "text"])
def test_a_relay_event_without_relay_data_is_a_dead_letter(data: object) -> None:
    assert reason(envelope(data, 0)).startswith("conversation_relay_data")


def test_relay_data_makes_a_relay_event_whatever_its_group() -> None:
    assert event(edited(group="call")).name == "dtmf"


@pytest.mark.parametrize("data", [{"test_id": "abc"}, '{"test_id": "abc"}'])
def test_the_sinks_test_event_gives_its_id(data: object) -> None:
    whole = {"type": "com.twilio.eventstreams.test-event", "data": data}
    assert read(json.dumps(whole).encode()) == SinkTest("abc")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"5",
        b'{"type": 5}',
        b"{}",
        b'{"type": "x"',
        b'{"type": "x"} y',
        b'{"type": "\xff"}',
        b'{"type": "x", "n": NaN}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"type": "x", "n": ' + b"1" * 5000 + b"}x",
        b"\x00" * 1_048_576,
        b'{"type": "com.twilio.voice.insights.call-event.gateway"}',
        b'{"type": "com.twilio.voice.insights.call-event.gateway", "data": "{"}',
        b'{"type": "com.twilio.voice.insights.call-event.gateway", "data": [1]}',
    ],
)
def test_what_cannot_be_read_is_a_dead_letter_with_its_bytes(data: bytes) -> None:
    assert reason(data)


@pytest.mark.parametrize(
    "odd", [b"1e400", b"-1e999", b'"\\ud800"', b"123456789012345678901234567890", b"[[1]]"]
)
def test_oddities_in_fields_that_are_not_read_do_no_harm(odd: bytes) -> None:
    data = edited(edge="ODD").replace(b'"ODD"', odd)
    assert event(data) == event(edited())


def test_a_byte_order_mark_does_no_harm() -> None:
    assert event(b"\xef\xbb\xbf" + relay()) == event(relay())


def test_a_record_of_a_mebibyte_is_read() -> None:
    assert event(edited(edge="x" * 1_048_576)) == event(edited())


def test_a_huge_latency_is_read_and_left_to_the_rules() -> None:
    data = cloud_event(0, "stt_latency", {"latency_ms": 1}).replace(
        b'"latency_ms": 1', b'"latency_ms": 1e400'
    )
    assert event(data).payload == Latency(said='{"ms":Infinity}')
