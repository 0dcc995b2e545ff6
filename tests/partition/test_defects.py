"""A session that the worker fails at is quarantined alone; everything else goes on."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec
from msgspec.structs import replace

from tests.building import accounts_add_up
from tests.scenes import BASE, Scene, records
from worker.events.decode import Delivery, decode
from worker.events.event import Event, SessionKey
from worker.events.occurrence import Damaged
from worker.events.payload import Latency
from worker.partition.delta import Delta, SessionChange
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.sessions.state import Closed, Session
from worker.stream.record import Record
from worker.times.minutes import MINUTE

SCENE: Final[Scene] = [
    (0, "prompt_sent"),
    (900, "first_token_received"),
    (1000, "call_wrap_up", {}),
]


def deliveries() -> list[Delivery]:
    return [one for record in records(SCENE) for one in decode(record)]


def broken(delivery: Delivery) -> Delivery:
    """The same delivery, of an event that can't be packed."""
    event = cast("Event", delivery.occurrence)
    payload = Latency(cast("int", object()))
    return msgspec.structs.replace(
        delivery, occurrence=msgspec.structs.replace(event, payload=payload)
    )


def ended(partition: Partition) -> Any:
    partition.finish(partition.keys())
    return partition.commit()[1]


def test_an_event_that_can_not_be_taken_in_is_a_dead_letter_and_its_batch_goes_on() -> None:
    partition = Partition(Rules())
    first, second, third = deliveries()
    partition.fold([first, broken(second), third])
    assert accounts_add_up(partition.counters)
    assert partition.counters["dead_letters"] == 1
    outputs = ended(partition)
    (letter,) = outputs.dead_letters
    assert letter.reason == "a defect of the worker: TypeError"
    assert letter.data == second.data
    (record,) = outputs.records
    assert msgspec.json.decode(record.line)["completeness"]["events"] == 2


def test_a_session_whose_only_event_can_not_be_taken_in_never_was() -> None:
    partition = Partition(Rules())
    partition.fold([broken(deliveries()[0])])
    assert partition.resident == 0
    assert partition.counters["sessions_opened"] == 0
    assert partition.commit()[0].sessions == []


def test_a_session_begins_with_the_first_of_its_events_that_can_be_taken_in() -> None:
    partition = Partition(Rules())
    first, *others = deliveries()
    partition.fold([broken(first), *others])
    assert accounts_add_up(partition.counters)
    assert partition.counters["sessions_opened"] == 1
    (record,) = ended(partition).records
    assert msgspec.json.decode(record.line)["completeness"]["events"] == 2


def unreadable() -> Delta:
    """A state with a session whose events are no events."""
    key = SessionKey("twilio", "AC1", "CA9", "VX9")
    state = Session(key, BASE, 3, last_arrival=BASE)
    return Delta(
        stream_time=BASE, clocks={"s": BASE}, sessions=[SessionChange(1, state, b"rubbish")]
    )


def test_a_session_that_the_worker_fails_at_is_quarantined_and_all_others_end_as_ever() -> None:
    partition = Partition(Rules(), unreadable())
    partition.fold(deliveries())
    partition.tip("s", BASE + 60 * MINUTE)
    partition.advance(["s"])
    delta, outputs = partition.commit()
    assert partition.counters["sessions_quarantined"] == 1
    (aside,) = outputs.quarantined
    assert aside.session_id == "VX9"
    assert aside.events == b"rubbish"
    assert delta.removed == [1]
    assert [one.key.session_id for one in outputs.records] == ["VX1"]


def test_one_that_has_a_record_goes_on_from_its_revision_when_it_speaks_again() -> None:
    state = unreadable()
    state.sessions[0].state.closed = Closed(3, "idle", BASE)
    state.sessions[0].state.revision = 4
    partition = Partition(Rules(), state)
    partition.tip("s", BASE + 60 * MINUTE)
    partition.advance(["s"])
    assert len(partition.commit()[1].quarantined) == 1
    late = Event(state.sessions[0].state.key, BASE, 4, "dtmf", None, BASE)
    partition.fold([Delivery(late, "s", "1", BASE, b"")])
    (record,) = ended(partition).records
    assert (record.revision, record.continued) == (5, 4)


def test_at_the_end_of_input_too() -> None:
    partition = Partition(Rules(), unreadable())
    partition.fold(deliveries())
    outputs = ended(partition)
    assert len(outputs.quarantined) == len(outputs.records) == 1
    assert partition.resident == 0


def test_a_record_that_the_decoder_fails_at_is_one_dead_letter() -> None:
    record = Record("s", "1", cast("Any", None), b'{"type": "x", "time": 1}', "")
    (delivery,) = decode(replace(record, data=cast("Any", 7)))
    assert isinstance(delivery.occurrence, Damaged)
    assert delivery.occurrence.reason.startswith("a defect of the worker")
