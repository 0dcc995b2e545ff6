"""A session's record, and every metric, is a function of the set of its events."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenes import BASE, Result, cloud_event
from worker.events.event import EVENT_CODES
from worker.partition.rules import Rules
from worker.stream.record import Record
from worker.testing.rearranging import rearranged, with_damage
from worker.testing.traffic import Traffic, simulated_records

PAYLOADS: dict[str, list[Any]] = {
    "stt_latency": [{"latency_ms": 100}, {"latency_ms": 200}, {"latency_ms": "x"}, None, {}],
    "final_token_received": [{"total_tokens": 5, "total_words": 4}, {"total_tokens": 9}, None],
    "interrupt": [{"type": "SPEECH"}, {"type": "DTMF"}, None],
    "configurations": [
        {"configurations": {"ttsLanguage": "en-US", "ttsProvider": "block_x", "voice": "V"}},
        {"configurations": {}, "languages": {"es-US": {"voice": "W", "tts_provider": "y"}}},
    ],
    "language_changed": [{"tts_language_code": "es-US"}, {"tts_language_code": "fr-FR"}],
    "call_wrap_up": [{"duration_in_seconds": 9, "end_status": "ended"}, None],
    "error_event": [{"error_code": 1, "message": "m"}, {"error_code": "2"}],
}

names = st.sampled_from([*EVENT_CODES, "unheard_of"])


@st.composite
def events(draw: st.DrawFn) -> bytes:
    """Events of one session, on few instants and few numbers, so that they tie and conflict."""
    name = draw(names)
    payload = draw(st.sampled_from(PAYLOADS.get(name, [None])))
    at = draw(st.integers(0, 40)) * 2_500
    return cloud_event(at, name, payload, draw(st.integers(-2, 6)))


def delivered(data: list[bytes], shards: list[int]) -> list[Record]:
    return [
        Record(f"shard-{shards[n % len(shards)]}", str(n), BASE + 200_000 + n, one, "")
        for n, one in enumerate(data)
    ]


def told(result: Result) -> tuple[list[dict[str, Any]], dict[Any, Any]]:
    """Records, and the window but for delays of delivery."""
    window = {key: value for key, value in result.window.items() if key[0] != "DeliveryDelay"}
    return result.records, window


def accounts_add_up(counters: dict[str, int]) -> bool:
    c = counters
    return (
        c["occurrences"] == c["test_events"] + c["ignored"] + c["dead_letters"] + c["events"]
        and c["events"] == c["folded"] + c["duplicates"] + c["cut"] + c["erased"]
    )


@settings(max_examples=150)
@given(st.data())
def test_permuting_repeating_and_sharding_changes_nothing(data: st.DataObject) -> None:
    once = data.draw(st.lists(events(), min_size=1, max_size=25))
    again = data.draw(st.lists(st.sampled_from(once), max_size=10))
    shuffled = data.draw(st.permutations(once + again))
    shards = data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=5))
    plain, moved = Result(delivered(once, [0])), Result(delivered(shuffled, shards))
    assert told(plain) == told(moved)
    assert accounts_add_up(plain.counters)
    assert accounts_add_up(moved.counters)
    assert moved.counters["occurrences"] == len(shuffled)


def test_where_payloads_conflict_the_greater_json_wins_whatever_comes_first() -> None:
    small = cloud_event(0, "stt_latency", {"latency_ms": 100}, 1)
    great = cloud_event(0, "stt_latency", {"latency_ms": 90}, 1)  # "9" > "1"
    for order in ([small, great], [great, small], [small, great, small, great]):
        result = Result(delivered(order, [0]))
        assert result.samples("SttLatency") == [90]
        assert result.record["completeness"]["conflicts"] == 1
        assert result.record["completeness"]["events"] == 1
        assert result.counters["duplicates"] == len(order) - 1


def test_order_and_gaps_of_sequence_numbers_are_told() -> None:
    scene = [cloud_event(0, "dtmf", None, 9), cloud_event(5, "dtmf", None, 2)]
    seen = Result(delivered(scene, [0])).record["completeness"]
    assert (seen["first_sequence"], seen["last_sequence"], seen["missing"]) == (2, 9, 6)
    assert seen["order_conflicts"] == 1


def test_one_call_can_hold_several_sessions() -> None:
    scene = [cloud_event(0, "dtmf"), cloud_event(0, "dtmf", session_id="VX2")]
    result = Result(delivered(scene, [0]))
    assert {record["session_id"] for record in result.records} == {"VX1", "VX2"}


def test_late_shuffled_and_repeated_traffic_gives_the_same_numbers() -> None:
    original = list(simulated_records(Traffic(sessions=25, aggregates=0.1), 5))
    moved = rearranged(original, 3, shards=7, max_delay_ms=3_600_000, repeat_fraction=1 / 3)
    assert told(Result(original)) == told(Result(moved))


def test_damaged_records_among_good_ones_change_nothing_and_are_all_accounted_for() -> None:
    good = list(simulated_records(Traffic(sessions=15, malformed=0), 6))
    plain, spoilt = Result(good), Result(with_damage(good, 400, 1))
    assert told(plain) == told(spoilt)
    assert spoilt.counters["dead_letters"] == len(spoilt.letters) == 400
    assert accounts_add_up(spoilt.counters)


def test_events_beyond_the_bound_are_cut_and_counted() -> None:
    scene = [cloud_event(n, "dtmf", None, n) for n in range(12)]
    result = Result(delivered([*scene, scene[0]], [0]), Rules(max_events=10))
    assert (result.counters["cut"], result.counters["duplicates"]) == (2, 1)
    assert result.record["completeness"]["cut"] == 2
    assert result.record["dtmf"] == 10
    assert accounts_add_up(result.counters)
