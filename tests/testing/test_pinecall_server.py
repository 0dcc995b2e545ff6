"""The stub of Pinecall's interface: what it serves is what the vendor's own models take."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from random import Random
from typing import Any

import pytest
from pinecall.observe import PageOnTheWire
from pinecall.wire.events import event_of
from pinecall.wire.frames import Entry

from tests.processes import ROOT
from worker.testing.habits import Habits
from worker.testing.pinecall_account import (
    StubAccount,
    StubFaults,
    account_of,
    call_of_entries,
    entries_of_sse,
)
from worker.testing.pinecall_call import pinecall_call
from worker.testing.pinecall_server import KEY, pinecall_server

OFTEN = Habits(turns=6, holds=0.4, handoffs=0.3, tool_delays=0.5, errors=0.3, key_presses=0.3)
START = 1_790_942_400_000


def _account(**more: Any) -> StubAccount:
    made = [pinecall_call(Random(seed), OFTEN, START + 1000 * seed) for seed in range(3)]
    return account_of(made, time.time)


def _get(url: str, *, key: str = KEY, accept: str = "application/json", last: str = "") -> bytes:
    headers = {"Authorization": f"Bearer {key}", "Accept": accept, "Last-Event-ID": last or "0"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return bytes(answer.read())


@pytest.mark.parametrize("seed", range(20))
def test_simulated_logs_are_what_the_vendors_models_take(seed: int) -> None:
    kinds = set()
    for entry in pinecall_call(Random(seed), OFTEN, START).entries:
        event_of(Entry.model_validate(entry))
        kinds.add(entry["type"])
    assert {"call.started", "turn.user", "turn.agent", "call.ended", "call.score"} <= kinds


def test_sequence_numbers_ascend_with_holes_and_times_too() -> None:
    entries = pinecall_call(Random(3), OFTEN, START).entries
    numbers = [entry["seq"] for entry in entries]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] > len(numbers)
    assert [entry["ts"] for entry in entries] == sorted(entry["ts"] for entry in entries)


def test_pages_and_the_stream_of_a_log_hold_the_same_entries() -> None:
    account = _account()
    call = next(iter(account.calls.values()))
    with pinecall_server(account) as url:
        log = f"{url}/v1/calls/{call.call}/events"
        pages: list[Any] = []
        after = 0
        while True:
            body = _get(f"{log}?after={after}&limit=7")
            if not body:
                break
            page = PageOnTheWire.model_validate_json(body)
            pages += [json.loads(entry.model_dump_json()) for entry in page.entries]
            assert page.next is not None
            after = page.next
        text = _get(log, accept="text/event-stream").decode()
    streamed = [e for e in entries_of_sse(text) if not e["ephemeral"]]
    assert pages == streamed == call.entries
    for entry in entries_of_sse(text):
        event_of(Entry.model_validate(entry))


def test_a_stream_goes_on_from_the_last_event_id() -> None:
    account = _account()
    call = next(iter(account.calls.values()))
    with pinecall_server(account) as url:
        last = call.entries[4]["seq"]
        log = f"{url}/v1/calls/{call.call}/events"
        text = _get(log, accept="text/event-stream", last=str(last)).decode()
        assert _get(log, last=str(call.entries[-1]["seq"])) == b""
    assert [e["seq"] for e in entries_of_sse(text) if not e["ephemeral"]] == [
        entry["seq"] for entry in call.entries[5:]
    ]


def test_a_filter_keeps_what_it_names_and_what_always_passes() -> None:
    account = _account()
    call = next(iter(account.calls.values()))
    with pinecall_server(account) as url:
        body = _get(f"{url}/v1/calls/{call.call}/events?types=turn.user")
    kinds = {entry["type"] for entry in json.loads(body)["entries"]}
    assert kinds == {"turn.user", "call.ended", "call.score"}


@pytest.mark.parametrize(
    ("key", "status", "path", "expected"),
    [
        ("wrong-key", None, "/v1/sessions", 401),
        (KEY, 403, "/v1/sessions", 403),
        (KEY, None, "/v1/calls/none/events", 404),
        (KEY, 503, "/v1/sessions", 503),
    ],
)
def test_what_is_refused_says_so(key: str, status: int | None, path: str, expected: int) -> None:
    account = _account()
    account.status = status
    with pinecall_server(account) as url, pytest.raises(urllib.error.HTTPError) as refused:
        _get(f"{url}{path}", key=key)
    assert refused.value.code == expected


def test_faults_are_drawn_from_their_rates() -> None:
    account = _account()
    account.faults = StubFaults(throttled=1.0)
    with pinecall_server(account) as url, pytest.raises(urllib.error.HTTPError) as refused:
        _get(f"{url}/v1/sessions")
    assert (refused.value.code, refused.value.headers["Retry-After"]) == (429, "0")


def test_a_recorded_stream_can_be_served_again() -> None:
    text = (ROOT / "tests" / "events" / "pinecall" / "data" / "call.sse").read_text()
    call = call_of_entries(entries_of_sse(text))
    with pinecall_server(account_of([call], time.time)) as url:
        body = _get(f"{url}/v1/calls/{call.call}/events")
        rows = json.loads(_get(f"{url}/v1/sessions"))
    assert json.loads(body)["entries"] == call.entries
    assert [row["call"] for row in rows["calls"]] == [call.call]
