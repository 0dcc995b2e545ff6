"""An event is folded once, whichever release stored it and under whichever name it did."""

from __future__ import annotations

import msgspec
import pytest

from tests.building import KEY, event, packed_as_text
from tests.scenes import BASE
from worker.events.decode import Delivery
from worker.events.event import Event
from worker.events.payload import Configured, Failed, LanguageSettings, Latency, ToolCalled
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import (
    Delta,
    SessionChange,
    SessionGrowth,
    decode_delta,
    encode_delta,
    merge,
)
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.sessions.event_log import unpack_log
from worker.sessions.state import Session

STORED = [event(n, name, None, n) for n, name in enumerate(["dtmf", "digit", "call_wrap_up"])]
LOG = b"".join(map(packed_as_text, STORED))


def deliveries(events: list[Event]) -> list[Delivery]:
    return [Delivery(one, "shard-0", "1", one.arrival, b"") for one in events]


def whole() -> Session:
    """The state of the session after all that is stored."""
    state = Session(KEY, BASE)
    state.take_in_rows(unpack_log(LOG, len(STORED)))
    return state


def appended() -> Delta:
    begun = Delta(numbered=1, sessions=[SessionChange(1, Session(KEY, BASE), b"")])
    each = [Delta(appended=[SessionGrowth(1, [packed_as_text(one)])]) for one in STORED]
    return merge([decode_delta(encode_delta(one)) for one in (begun, *each)])


@pytest.mark.parametrize(
    "restored",
    [appended(), Delta(numbered=1, sessions=[SessionChange(1, whole(), LOG)])],
    ids=["merged", "one delta"],
)
def test_what_an_open_session_stored_under_its_text_is_a_duplicate_once_it_is_known(
    restored: Delta,
) -> None:
    partition = Partition(Rules(), restored)
    partition.fold(deliveries(STORED))
    assert partition.counters["duplicates"] == len(STORED)
    assert partition.counters["folded"] == 0
    assert partition.counters["unknown_events"] == 0


def test_what_a_recalled_session_stored_under_its_text_is_a_duplicate_once_it_is_known() -> None:
    partition = Partition(Rules())
    misses = partition.fold_resident(deliveries(STORED))
    partition.fold_misses(misses, {KEY: EvictedSession(whole(), LOG)})
    assert partition.counters["duplicates"] == len(STORED)
    assert partition.counters["folded"] == 0


def test_a_payload_that_was_not_read_before_comes_in_with_the_redelivery() -> None:
    known = event(5, "stt_latency", Latency(90), 5)
    log = packed_as_text(event(5, "stt_latency", None, 5))
    state = Session(KEY, BASE)
    state.take_in_rows(unpack_log(log, 1))
    partition = Partition(Rules(), Delta(numbered=1, sessions=[SessionChange(1, state, log)]))
    partition.fold(deliveries([known, known]))
    partition.finish(partition.keys())
    (line,) = partition.commit()[1].records
    record = msgspec.json.decode(line.line)
    assert (record["completeness"]["events"], record["completeness"]["conflicts"]) == (1, 1)
    assert record["latency_ms"]["stt"]["count"] == 1
    assert record["unknown_events"] == {}


def test_a_wrap_up_that_was_stored_under_its_text_wraps_up() -> None:
    assert appended().sessions[0].state.wrap_up_arrival == STORED[-1].arrival


def test_values_that_identify_someone_are_counted_once_an_event() -> None:
    partition = Partition(Rules())
    configured = Configured(settings=LanguageSettings(voice="+15551234567", tts_provider="google"))
    failed = Failed("bob@example.com")
    called = ToolCalled("+15551234567")
    events = [
        event(0, "configurations", configured),
        event(1, "error_event", failed),
        event(2, "tool_call", called),
    ]
    partition.fold(deliveries([*events, *events, event(3, "error_event", Failed(64107))]))
    assert partition.counters["identifying_values"] == 3
    assert partition.counters["unknown_events"] == 0
