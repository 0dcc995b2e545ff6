"""The fast path says what the slow one says, or nothing; and it is seldom silent."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.events.fuzzing import REAL, mutated, odd_event
from tests.scenes import BASE
from tests.test_oracle import NOISY
from worker.events.cloud_event import is_list
from worker.events.decode import PLATFORMS, decode
from worker.events.kpl import user_records
from worker.events.twilio.fast_path import read_quickly
from worker.testing.traffic import Traffic, simulated_records

ARRIVAL = BASE + 60_000


def agree(data: bytes, arrival: int = ARRIVAL) -> None:
    quick = read_quickly(data, arrival)
    if quick is not None:
        assert not is_list(data)
        assert user_records(data) is None
        slowly = PLATFORMS.read(data, arrival)
        assert quick == slowly
        assert repr(quick) == repr(slowly), "1 is neither 1.0 nor True"


@pytest.mark.parametrize("seed", range(3))
def test_both_paths_of_simulated_records_are_the_same(seed: int) -> None:
    for record in simulated_records(NOISY, seed):
        for delivery in decode(record):
            agree(delivery.data, record.arrival)


@settings(max_examples=300)
@given(mutated(REAL))
def test_both_paths_of_mutated_records_are_the_same(data: bytes) -> None:
    agree(data)


@settings(max_examples=500)
@given(odd_event())
def test_both_paths_of_odd_events_are_the_same(data: bytes) -> None:
    agree(data)


def test_of_usual_traffic_hardly_anything_takes_the_slow_path() -> None:
    usual = list(simulated_records(Traffic(sessions=60, other_types=0.1, malformed=0.0), 5))
    silent = sum(read_quickly(one.data, one.arrival) is None for one in usual)
    assert silent <= len(usual) / 200
