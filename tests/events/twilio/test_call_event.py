"""A gateway call event: what places it in a session and in time, and what can't be placed."""

from __future__ import annotations

import json

import pytest

from tests.scenes import BASE, cloud_event, envelope
from tests.testing.reading import read_user_record
from worker.events.event import Event
from worker.events.occurrence import Damaged
from worker.events.payload import Failed

ARRIVAL = BASE + 60_000


def read(data: bytes) -> Event:
    (one,) = read_user_record(data, ARRIVAL)
    assert isinstance(one, Event), one
    return one


def refused(data: bytes) -> str:
    (one,) = read_user_record(data, ARRIVAL)
    assert isinstance(one, Damaged), one
    return one.reason


@pytest.mark.parametrize("field", ["account_sid", "call_sid"])
def test_the_other_ids_may_be_missing_but_not_absurd(field: str) -> None:
    relay = {"session_id": "VX1", "name": "dtmf", "sequence_number": 1}
    assert getattr(read(envelope(relay, 0, **{field: None})).key, field) == ""
    assert refused(envelope(relay, 0, **{field: 5})).startswith(f"{field}:")
    assert refused(envelope(relay, 0, **{field: "x" * 257})).startswith(f"{field}:")


def test_a_session_id_has_at_most_256_characters() -> None:
    assert read(cloud_event(0, "dtmf", session_id="v" * 256)).key.session_id == "v" * 256
    assert refused(cloud_event(0, "dtmf", session_id="v" * 257)).startswith("session_id")


@pytest.mark.parametrize("name", [None, "", 5, []])
def test_without_any_name_it_is_an_event_of_no_name(name: object) -> None:
    assert read(envelope({"session_id": "V", "sequence_number": 1, "name": name}, 0)).name == ""


def test_a_name_is_kept_up_to_128_characters() -> None:
    assert read(cloud_event(0, "n" * 500)).name == "n" * 128


def test_aliases_hold_for_the_outer_name_too() -> None:
    relay = {"session_id": "V", "sequence_number": 1, "error": {"error_code": 7}}
    one = read(envelope(relay, 0, name="error"))
    assert (one.name, one.payload) == ("error_event", Failed(7))


def test_an_events_own_time_goes_before_the_envelopes() -> None:
    whole = json.loads(cloud_event(0, "dtmf"))
    whole["time"] = "2026-10-02T11:00:00Z"
    assert read(json.dumps(whole).encode()).timestamp == BASE


def test_a_time_that_cannot_be_read_gives_way_to_the_envelopes() -> None:
    whole = json.loads(cloud_event(0, "dtmf"))
    whole["time"] = "2026-10-02T12:00:00Z"
    whole["data"]["timestamp"] = "about noon"
    assert read(json.dumps(whole).encode()).timestamp == BASE


@pytest.mark.parametrize("group", ["conversation_relay", None, "call", 5])
def test_relay_data_that_is_no_object_is_refused_whatever_the_group(group: object) -> None:
    assert refused(envelope([1], 0, group=group)).startswith("conversation_relay_data")
