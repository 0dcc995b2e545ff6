"""The program against a second, plain reading of the same definitions (``tests.oracle``).

Everything must be equal: records, samples, dead letters, counters. No tolerance is needed, for
both round once, half up, from exact numbers. Where the definitions leave something open, the
oracle follows the program and says so in a comment.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle import replay
from tests.oracle.comparing import compare, differences, program
from tests.oracle.strategies import (
    ARRIVAL,
    BASE,
    NAMES,
    broken,
    delivered,
    occurrence,
    plain_dialogue,
    relay_event,
)
from worker.stream.record import Record
from worker.testing.envelopes import Oddities
from worker.testing.habits import Habits
from worker.testing.rearranging import rearranged, with_damage
from worker.testing.traffic import Traffic, simulated_records

BUSY = Habits(
    turns=9,
    barge_ins=0.3,
    key_presses=0.15,
    coughs=0.25,
    back_to_back=0.25,
    tool_delays=0.3,
    fillers=0.5,
    preemptions=0.2,
    media=0.2,
    digits=0.2,
    silences=0.3,
    language_changes=0.5,
    errors=0.5,
    early_hellos=0.4,
    no_greeting=0.2,
    no_wrap_up=0.3,
    novelties=0.1,
    bad_latencies=0.15,
)
NOISY = Traffic(
    sessions=12,
    spread_s=100,
    stragglers=0.05,
    duplicates=0.2,
    lost=0.08,
    malformed=0.1,
    other_types=0.2,
    aggregates=0.3,
    habits=BUSY,
    oddities=Oddities(0.3, 0.3, 0.3, 0.3),
)

seeds = st.integers(0, 2**32)
any_occurrences = st.lists(occurrence(NAMES, 24_000), max_size=30)
mostly_broken = st.lists(broken(), max_size=12)


@pytest.mark.parametrize("seed", range(3))
def test_noisy_traffic_is_read_alike(seed: int) -> None:
    assert differences(simulated_records(NOISY, seed)) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 130))
def test_much_noisy_traffic_is_read_alike(seed: int) -> None:
    assert differences(simulated_records(NOISY, seed)) == []


@pytest.mark.slow
def test_usual_traffic_is_read_alike() -> None:
    assert differences(simulated_records(Traffic(sessions=150), 1)) == []


@given(plain_dialogue(40), seeds)
@settings(max_examples=40)
def test_any_course_of_a_dialogue_is_read_alike(events: list[dict[str, Any]], seed: int) -> None:
    assert differences(delivered(events, seed)) == []


@pytest.mark.slow
@given(plain_dialogue(80), seeds)
@settings(max_examples=400)
def test_any_long_course_of_a_dialogue_is_read_alike(
    events: list[dict[str, Any]], seed: int
) -> None:
    assert differences(delivered(events, seed)) == []


@given(any_occurrences, seeds)
@settings(max_examples=40)
def test_odd_payloads_ties_and_conflicts_are_read_alike(
    events: list[dict[str, Any]], seed: int
) -> None:
    assert differences(delivered(events, seed)) == []


@pytest.mark.slow
@given(any_occurrences, seeds)
@settings(max_examples=400)
def test_more_odd_payloads_ties_and_conflicts_are_read_alike(
    events: list[dict[str, Any]], seed: int
) -> None:
    assert differences(delivered(events, seed)) == []


@given(mostly_broken, seeds)
@settings(max_examples=40)
def test_broken_occurrences_are_told_apart_alike(events: list[dict[str, Any]], seed: int) -> None:
    assert differences(delivered(events, seed)) == []


@pytest.mark.slow
@given(mostly_broken, seeds)
@settings(max_examples=400)
def test_more_broken_occurrences_are_told_apart_alike(
    events: list[dict[str, Any]], seed: int
) -> None:
    assert differences(delivered(events, seed)) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_rearranged_traffic_is_read_alike(seed: int) -> None:
    records = simulated_records(NOISY, seed)
    assert differences(rearranged(records, seed, 7, 3_600_000, 0.33)) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_damage_among_good_records_is_read_alike(seed: int) -> None:
    records = list(simulated_records(NOISY, seed))
    assert differences(with_damage(records, 500, seed)) == []


def test_a_difference_would_be_found() -> None:
    records = list(simulated_records(Traffic(sessions=1, aggregates=0), 5))
    assert compare(replay(records), program(records[1:]))


def test_an_utterance_whose_start_is_lost_does_not_lend_the_start_of_the_one_before() -> None:
    record = record_of(
        (0, "start_of_agent_speech"),
        (1000, "start_of_customer_speech"),
        (2000, "end_of_customer_speech"),
        (3000, "end_of_agent_speech"),
        # the start of the next utterance is lost: nobody knows that it began over the agent
        (9000, "end_of_customer_speech"),
        (9000, "prompt_sent"),
        (9500, "interrupt"),
        (9900, "first_token_received"),
    )
    assert record["unanswered_prompts"] == 1
    assert record["latency_ms"]["application"] is None
    assert record["unattributed_replies"] == 1


def test_the_delay_of_an_event_is_that_of_its_first_arrival_even_if_read_later() -> None:
    event = relay_event(0, "prompt_sent")
    assert delays_of((event, 7000), (event, 5000)) == [5000]


def test_the_delay_of_an_event_is_that_of_its_first_arrival_whichever_payload_wins() -> None:
    lesser = relay_event(0, "interrupt", {"type": "DTMF"})
    greater = relay_event(0, "interrupt", {"type": "SPEECH"})
    assert delays_of((lesser, 5000), (greater, 7000)) == [5000]


def test_a_list_of_events_is_one_whatever_space_stands_before_it() -> None:
    event = relay_event(0, "prompt_sent")
    data = b" " * 40 + json.dumps([event, relay_event(1, "dtmf")]).encode()
    assert program([Record("shard-0", "1", ARRIVAL, data, "k")]).counters["events"] == 2


def record_of(*scene: tuple[int, str]) -> dict[str, Any]:
    events = [relay_event(at, name, number=n) for n, (at, name) in enumerate(scene, 1)]
    (record,) = program(delivered(events, 0)).records.values()
    return record


def delays_of(*deliveries: tuple[dict[str, Any], int]) -> list[int]:
    """The samples of DeliveryDelay, ms; each event with its delay, in the order of reading."""
    records = [
        Record("shard-0", str(n), BASE + delay, json.dumps(event).encode(), "k")
        for n, (event, delay) in enumerate(deliveries)
    ]
    (values,) = (
        values
        for (metric, _, _), values in program(records).samples.items()
        if metric == "DeliveryDelay"
    )
    return [int(value) for value in values.elements()]
