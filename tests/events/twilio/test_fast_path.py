"""The quick reading says what the patient one says, or nothing; and it is seldom silent."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from tests.events.fuzzing import REAL, mutated, odd_event
from tests.scenes import BASE
from tests.test_oracle import NOISY
from worker.events.decode import decode
from worker.events.event import Event, canonical_json
from worker.events.kpl import user_records
from worker.events.occurrence import Occurrence
from worker.events.twilio.envelope import is_list, read_cloud_event
from worker.events.twilio.fast_path import read_quickly
from worker.testing.traffic import Traffic, simulate

ARRIVAL = BASE + 60_000


def agree(data: bytes, arrival: int = ARRIVAL) -> None:
    quick = read_quickly(data, arrival)
    if quick is not None:
        assert not is_list(data)
        assert user_records(data) is None
        patient = read_cloud_event(data, arrival)
        assert quick == patient
        assert said(quick) == said(patient)


def said(occurrence: Occurrence) -> str:
    """What it says to the letter: 1 is neither 1.0 nor True; the order of keys is nothing."""
    if not isinstance(occurrence, Event):
        return repr(occurrence)
    return repr(replace(occurrence, payload=None)) + canonical_json(occurrence.payload)


@pytest.mark.parametrize("seed", range(3))
def test_both_readings_of_simulated_records_are_the_same(seed: int) -> None:
    for record in simulate(NOISY, seed):
        for delivery in decode(record):
            agree(delivery.data, record.arrival)


@settings(max_examples=300)
@given(mutated(REAL))
def test_both_readings_of_mutated_records_are_the_same(data: bytes) -> None:
    agree(data)


@settings(max_examples=500)
@given(odd_event())
def test_both_readings_of_odd_events_are_the_same(data: bytes) -> None:
    agree(data)


def test_of_usual_traffic_hardly_anything_takes_patience() -> None:
    usual = list(simulate(Traffic(sessions=60, other_types=0.1, malformed=0.0), 5))
    silent = sum(read_quickly(one.data, one.arrival) is None for one in usual)
    assert silent <= len(usual) / 200
