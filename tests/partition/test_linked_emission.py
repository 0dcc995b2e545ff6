"""What is told of a session whose events have links is what is true in the end."""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.pinecall_strategies import linked_dialogue
from tests.oracle.strategies import ARRIVAL
from tests.partition.test_emission import END, book, by, copied, telling_of, told_to
from worker.events.decode import PLATFORMS
from worker.events.event import Event
from worker.metrics.catalogue import Hold
from worker.metrics.series import EmittedSample
from worker.partition.series_registry import owner_of
from worker.sessions.resident_session import ResidentSession
from worker.sessions.state import Closed, Session
from worker.times.minutes import MINUTE, minute_of


def read(some: list[dict[str, Any]]) -> list[Event]:
    found = [PLATFORMS.read(json.dumps(one).encode(), ARRIVAL) for one in some]
    return [one for one in found if isinstance(one, Event)]


@settings(max_examples=150)
@given(linked_dialogue(6).filter(bool), st.integers(0, 10**6))
def test_all_emitted_samples_are_those_that_hold_in_the_end_and_the_over_emitted(
    some: list[dict[str, Any]], seed: int
) -> None:
    rng, series, events = Random(seed), book(), read(some)
    if rng.random() < 0.7:
        rng.shuffle(events)
    first = events[0]
    resident = ResidentSession(Session(first.key, first.timestamp))
    told, retracted = Counter[EmittedSample](), 0
    for one in events:
        resident.add(one, 50_000)
        for hold in (Hold.DIRECT, Hold.TURN):
            if rng.random() < 0.3:
                due = by(minute_of(first.timestamp + rng.randrange(-1, 3) * MINUTE))
                telling = telling_of(resident, hold, due, series)
                told += telling.samples
                retracted += telling.retracted
        if rng.random() < 0.05 and resident.state.closed is None:
            resident.close(Closed(resident.state.count, "idle", ARRIVAL))
        if rng.random() < 0.2:
            resident = copied(resident)
    for hold in (Hold.DIRECT, Hold.TURN):
        telling = telling_of(resident, hold, END, series)
        told += telling.samples
        retracted += telling.retracted
    over_emitted = Counter(dict(resident.state.over_emitted))
    assert told == told_to(series, resident, owner_of(first.key)) + over_emitted
    assert retracted >= over_emitted.total()
