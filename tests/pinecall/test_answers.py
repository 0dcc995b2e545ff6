"""What Pinecall answers, as values: nothing of a body gets further, whatever is in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.pinecall.answers import (
    calls_of,
    entry_of,
    failed_answer,
    is_call_id,
    object_of,
    page_of,
)
from worker.pinecall.api import CallsPage, Failure, FailureKind, ListedCall, LogPage

ENTRY = {"seq": 7, "ts": 1.5, "call": "c", "agent": "a", "type": "turn.user", "data": {"x": 1}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, FailureKind.BAD_KEY),
        (403, FailureKind.FORBIDDEN),
        (404, FailureKind.MISSING),
        (400, FailureKind.REFUSED),
        (422, FailureKind.REFUSED),
        (302, FailureKind.REFUSED),
        (408, FailureKind.AWAY),
        (409, FailureKind.AWAY),
        (429, FailureKind.THROTTLED),
        (500, FailureKind.AWAY),
        (503, FailureKind.AWAY),
    ],
)
def test_each_status_means_something(status: int, kind: FailureKind) -> None:
    assert failed_answer(status, {}).kind is kind


def test_a_service_may_ask_for_a_wait() -> None:
    assert failed_answer(429, {"retry-after": "7"}).retry_after_s == 7
    assert failed_answer(429, {"retry-after": "soon"}).retry_after_s == 0


def test_a_list_gives_ids_begins_and_how_long_logs_are() -> None:
    row = {"call": "c1", "live": True, "last_seq": 9, "started_at": 2.5, "from": "+15005550111"}
    rows = [row, {"call": "c2"}, {"call": "../x"}, {"call": ""}]
    found = calls_of(json.dumps({"calls": rows, "total": 4, "next": "c2"}).encode())
    assert found == CallsPage(
        [ListedCall("c1", 2500, 9, True), ListedCall("c2", None, 0, False)], "c2"
    )


@pytest.mark.parametrize(
    "odd",
    [
        *("null", "7", "[]", "{}", '{"call": null}', '{"call": 7}'),
        *('{"call": "c2", "last_seq": "x"}', '{"call": "c2", "started_at": 1e999}'),
    ],
)
def test_a_row_that_is_none_leaves_the_others_readable(odd: str) -> None:
    found = calls_of(f'{{"calls": [{{"call": "c1"}}, {odd}, {{"call": "c3"}}]}}'.encode())
    assert isinstance(found, CallsPage)
    assert [row.call for row in found.calls] == ["c1", "c3"]


@pytest.mark.parametrize("started", ["null", "1e306", "-1", "1e12"])
def test_what_a_row_does_not_know_is_left_open(started: str) -> None:
    row = f'{{"call": "c1", "live": null, "last_seq": null, "started_at": {started}}}'
    found = calls_of(f'{{"calls": [{row}]}}'.encode())
    assert found == CallsPage([ListedCall("c1", None, 0, False)], None)


def test_a_page_keeps_entries_as_they_stand() -> None:
    found = page_of(json.dumps({"entries": [ENTRY], "live": True, "next": 7}).encode())
    assert isinstance(found, LogPage)
    assert (found.read, found.live) == (7, True)
    assert [json.loads(entry) for entry in found.entries] == [ENTRY]


@given(st.binary(max_size=200))
def test_whatever_a_body_holds_it_is_read_or_a_failure_that_quotes_nothing(body: bytes) -> None:
    for read in (calls_of, page_of):
        found = read(body)
        if isinstance(found, Failure):
            assert found.detail == "what answers is not Pinecall"
    assert isinstance(object_of(body), dict)


def test_a_frame_may_hold_the_whole_entry_or_its_data_alone() -> None:
    whole = entry_of(json.dumps(ENTRY), "turn.user", "7")
    assert whole is not None
    assert json.loads(whole) == ENTRY
    inner = entry_of(json.dumps(ENTRY["data"]), "turn.user", "7")
    assert inner is not None
    assert json.loads(inner) == {"seq": 7, "type": "turn.user", "data": {"x": 1}}
    assert entry_of('{"x": 1}', "turn.user", "") is None
    assert entry_of("[1]", "turn.user", "7") is None
    assert entry_of("text", "", "7") is None


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "a b", "a?b", "a#b", "ä", "a" * 65, "a\n"])
def test_what_would_lead_to_another_address_is_no_calls_id(text: str) -> None:
    assert not is_call_id(text)
    assert is_call_id("call_7c1e5a0f9b2d4c86")
