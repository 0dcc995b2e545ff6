"""Which sessions are in memory, and what is known of them as long as they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.building import PROMPT, event
from worker.events.decode import Delivery
from worker.events.event import Event, SessionKey
from worker.partition.partition import Partition
from worker.partition.rules import Rules


def delivery(one: Event, shard: str) -> Delivery:
    return Delivery(one, shard, "1", one.arrival, b"")


def prompt(number: int, session: int = 1) -> Event:
    key = SessionKey("twilio", "AC1", "CA1", f"VX{session}")
    return replace(event(number, PROMPT, None, number), key=key)


def test_a_session_with_events_of_several_shards_is_spread_and_counts_once() -> None:
    partition = Partition(Rules())
    partition.fold([delivery(prompt(n), shard) for n, shard in enumerate("abac")])
    partition.fold([delivery(prompt(n, session), "a") for session in (2, 3) for n in (1, 2)])
    assert (partition.cross_shard, partition.resident) == (1, 3)


def test_a_session_that_leaves_memory_is_spread_no_longer() -> None:
    partition = Partition(Rules())
    partition.fold([delivery(prompt(n), shard) for n, shard in enumerate("ab")])
    partition.finish(partition.keys())
    assert (partition.cross_shard, partition.resident) == (0, 0)


def test_events_of_sessions_in_memory_are_folded_and_those_of_others_given_back() -> None:
    partition = Partition(Rules())
    partition.fold([delivery(prompt(1), "a")])
    misses = partition.fold_resident([delivery(prompt(2), "a"), delivery(prompt(3, 2), "a")])
    assert [key.session_id for key in misses] == [prompt(3, 2).key.session_id]
    assert partition.counters["occurrences"] == partition.counters["folded"] == 2
    partition.fold_misses(misses, {})
    assert partition.counters["occurrences"] == partition.counters["folded"] == 3


@given(st.permutations([prompt(4, 1), prompt(1, 2), prompt(3, 2), prompt(1, 3), prompt(2, 1)]))
def test_sessions_are_listed_by_their_oldest_event_whatever_came_first(events: list[Event]) -> None:
    partition = Partition(Rules())
    partition.fold([delivery(one, "a") for one in events])
    listed = partition.keys()
    assert [key.session_id for key in listed] == ["VX2", "VX3", "VX1"]
