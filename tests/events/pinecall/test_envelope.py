"""Pinecall's CloudEvents are read as far as they can be understood, and bounded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pinecall.mapping.logs import mapped, pages
from tests.scenes import BASE, Result
from worker.events.decode import PLATFORMS
from worker.events.event import Event
from worker.events.occurrence import Damaged, Ignored
from worker.events.payload import Failed, HandedOff, Latency, Tokens, ToolCalled
from worker.events.pinecall.cloud_event import encode_event, pinecall_schema
from worker.stream.record import Record
from worker.times.rfc3339 import format_ms

ARRIVAL = BASE + 1000
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=6)
    | st.sampled_from(["x" * 300, "+1 500 555 0111", "2026-10-02T12:00:00Z", " "]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


def cloud_event(name: str = "dtmf", payload: Any = None, **data: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "platform": "pinecall",
        "account": "org",
        "call": "c1",
        "session": "c1",
        "agent": "a",
        "sequence_number": 65,
        "previous": 64,
        "timestamp": format_ms(BASE),
        "name": name,
    }
    if payload is not None:
        whole[name] = payload
    return {"type": "com.voiceinsights.pinecall.call-event", "data": {**whole, **data}}


def occurrence(event: Any) -> Any:
    return PLATFORMS.read(json.dumps(event).encode(), ARRIVAL)


def payload_of(name: str, payload: Any) -> Any:
    found = occurrence(cloud_event(name, payload))
    assert isinstance(found, Event)
    return found.payload


def test_an_event_names_its_session_its_place_and_its_turn() -> None:
    found = occurrence(cloud_event(turn=7, basis="arrival"))
    assert isinstance(found, Event)
    assert found.key.account_sid == "org/a"
    assert PLATFORMS.account_and_agent(found.key.platform, found.key.account_sid) == ("org", "a")
    assert (found.timestamp, found.sequence_number) == (BASE, 65)
    assert found.link is not None
    assert (found.link.turn, found.link.previous, found.link.guessed) == (7, 64, True)


@pytest.mark.parametrize(
    ("said", "previous"),
    [({"previous": None}, None), ({"previous": 65}, None), ({"previous": "64"}, None)],
)
def test_a_predecessor_that_cant_be_one_is_unknown(
    said: dict[str, Any], previous: int | None
) -> None:
    assert occurrence(cloud_event(**said)).link.previous == previous


@pytest.mark.parametrize(
    "odd",
    [
        {"call": ""},
        {"call": 5},
        {"session": " "},
        {"sequence_number": True},
        {"sequence_number": -1},
        {"sequence_number": 2**31},
        {"timestamp": "2026-10-02T13:00:01.001Z"},
        {"timestamp": "2026-08-01T00:00:00Z"},
        {"timestamp": None},
        {"agent": ["a"]},
        {"account": "a/b"},
        {"call": "c" * 257},
    ],
    ids=str,
)
def test_what_cant_be_placed_is_a_dead_letter(odd: dict[str, Any]) -> None:
    assert isinstance(occurrence(cloud_event(**odd)), Damaged)


def test_an_unknown_name_and_unknown_fields_are_no_reason_to_fail() -> None:
    found = occurrence(cloud_event("new_event", {"text": "hello"}, mood="good"))
    assert (found.name, found.payload) == ("new_event", None)


def test_of_a_payload_only_named_fields_are_kept() -> None:
    assert payload_of("error_event", {"error_code": "e", "message": "hello"}) == Failed("e")
    call = {"name": "find", "ok": True, "arguments": {"a": 1}, "output": "hello", "duration_ms": 9}
    assert payload_of("tool_call", call) == ToolCalled("find", 9, True)
    handed = payload_of("handoff", {"kind": "took_over", "by": "Ana", "to": "+15005550111"})
    assert handed == HandedOff("begins", '{"kind":"took_over"}')


def test_what_is_no_integer_is_none() -> None:
    for odd in (1.5, "1", True, None, [1], 2**64):
        assert payload_of("stt_latency", {"latency_ms": odd}) == Latency(None)
    assert payload_of("final_token_received", {"total_tokens": 1.5}) == Tokens(-1, None)


@pytest.mark.parametrize(
    ("said", "step"),
    [
        ({"kind": "supervisor.took_over"}, "begins"),
        ({"kind": "transferred", "ok": True}, "begins"),
        ({"kind": "transferred", "ok": False}, None),
        ({"kind": "transferred"}, None),
        ({"kind": "released"}, "ends"),
        ({"kind": "requested"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_a_handoff_begins_with_a_human_who_is_there(said: dict[str, Any], step: str | None) -> None:
    assert payload_of("handoff", said).step == step


@settings(max_examples=60)
@given(st.data())
def test_whatever_stands_in_an_event_the_accounts_add_up(data: st.DataObject) -> None:
    records = []
    for number in range(4):
        event = json.loads(encode_event(data.draw(st.sampled_from(mapped(pages())))))
        place = data.draw(st.sampled_from([event, event["data"]]))
        payloads = [one for one in event["data"].values() if isinstance(one, dict)]
        place[data.draw(st.sampled_from(sorted(place)))] = data.draw(junk)
        inner = next((one for one in payloads if one), None)
        if inner is not None and data.draw(st.booleans()):
            inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(junk)
        records.append(Record("s", str(number), BASE + 90_000, json.dumps(event).encode(), ""))
    found = Result(records).counters
    assert found["occurrences"] == found["dead_letters"] + found["ignored"] + found["events"] == 4
    assert found["events"] == found["folded"] + found["duplicates"]


def test_other_types_are_ignored_as_ever() -> None:
    other = {"type": "com.example.other", "data": {}}
    assert isinstance(occurrence(other), Ignored)


def test_the_schema_asks_for_all_that_a_cloud_event_must_have() -> None:
    assert {"specversion", "type", "source", "id"} <= set(pinecall_schema()["required"])
    for name in ("specversion", "type"):
        assert "default" not in pinecall_schema()["properties"][name]


def test_the_schema_names_all_that_a_mapping_gives() -> None:
    schema = pinecall_schema()
    fields = schema["$defs"]["PinecallData"]["properties"]
    for event in mapped(pages()):
        whole = json.loads(encode_event(event))
        assert whole.keys() <= schema["properties"].keys()
        assert set(schema["required"]) <= whole.keys()
        assert whole["data"].keys() <= fields.keys()
