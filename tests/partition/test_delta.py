"""Deltas form a monoid, and a partition restored from them goes on as if nothing had happened."""

from __future__ import annotations

from functools import reduce
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.errors import CorruptState
from worker.events.decode import decode as decode_record
from worker.events.event import Event, SessionKey
from worker.partition.commit_outputs import EvictedSession, Outputs
from worker.partition.delta import (
    Delta,
    SessionChange,
    SessionGrowth,
    decode_delta,
    encode_delta,
    merge,
    merge_all,
)
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.sessions.event_log import pack_event
from worker.sessions.state import Session
from worker.stream.position import Position
from worker.stream.record import Record
from worker.testing.traffic import Traffic, simulated_records

RULES = Rules(keep_closed=10**9)


def copied(delta: Delta) -> Delta:
    return decode_delta(encode_delta(delta))


class Owner:
    """A partition's owner that keeps commits as bytes and evicted sessions by key."""

    def __init__(self) -> None:
        self.partition = Partition(RULES)
        self.log: list[bytes] = []
        self.archive: dict[SessionKey, EvictedSession] = {}
        self.window: dict[Any, dict[int, int]] = {}
        self.records: dict[SessionKey, bytes] = {}

    def take(self, records: list[Record]) -> None:
        deliveries = [one for record in records for one in decode_record(record)]
        misses = self.partition.fold_resident(deliveries)
        loaded = {key: self.archive[key] for key in misses if key in self.archive}
        self.partition.fold_misses(misses, loaded)
        if records:
            self.partition.tip("all", records[-1].arrival)
            self.partition.move("all", Position("after", records[-1].sequence_number, 0))
        self.partition.advance(["all"])

    def commit(self) -> None:
        delta, outputs = self.partition.commit()
        self.log.append(encode_delta(delta))
        self._give(outputs)

    def restart(self) -> None:
        """Forget all that isn't committed."""
        self.partition = Partition(RULES, merge(map(decode_delta, self.log)))

    def _give(self, outputs: Outputs) -> None:
        self.archive.update(outputs.evicted)
        for key, distribution in outputs.window.items():
            resident = self.window.setdefault(key, {})
            for value, count in distribution.items():
                resident[value] = resident.get(value, 0) + count
        for record in outputs.records:
            self.records[record.key] = record.line


@settings(max_examples=8)
@given(st.integers(0, 10**6))
def test_stopping_and_restoring_at_any_commit_changes_nothing(seed: int) -> None:
    rng = Random(seed)
    records = list(
        simulated_records(Traffic(sessions=6, spread_s=240, duplicates=0.1, stragglers=0.02), seed)
    )
    steady, restarted = Owner(), Owner()
    while records:
        batch, records = records[: rng.randrange(1, 80)], records[80:]
        for owner in (steady, restarted):
            owner.take(batch)
            owner.commit()
        if rng.random() < 0.4:
            restarted.restart()
    for owner in (steady, restarted):
        owner.partition.finish(owner.partition.keys())
        owner.commit()
    assert restarted.records == steady.records
    assert restarted.window == steady.window
    assert restarted.partition.counters == steady.partition.counters
    assert restarted.partition.positions == steady.partition.positions


def deltas(seed: int) -> list[Delta]:
    rng, owner = Random(seed), Owner()
    records = list(simulated_records(Traffic(sessions=5, spread_s=60, stragglers=0.02), seed))
    while records:
        size = rng.randrange(1, 120)
        owner.take(records[:size])
        records = records[size:]
        if rng.random() < 0.2:
            owner.partition.forget_shard(f"shard-{rng.randrange(3)}")
        owner.commit()
    return [decode_delta(data) for data in owner.log]


@settings(max_examples=8)
@given(st.integers(0, 10**6))
def test_merging_is_associative_and_the_empty_delta_changes_nothing(seed: int) -> None:
    all_deltas = deltas(seed)
    whole = encode_delta(merge(map(copied, all_deltas)))
    one_by_one = reduce(lambda a, b: merge([a, b]), map(copied, all_deltas), Delta())
    cut = Random(seed).randrange(len(all_deltas) + 1)
    halves = merge([merge(map(copied, all_deltas[:cut])), merge(map(copied, all_deltas[cut:]))])
    assert encode_delta(one_by_one) == whole
    assert encode_delta(halves) == whole
    assert encode_delta(merge([Delta(), *map(copied, all_deltas), Delta()])) == whole


def test_no_deltas_merge_into_the_empty_one() -> None:
    assert merge([]) == Delta()


def test_a_shard_that_left_and_came_back_has_only_its_new_clock() -> None:
    merged = merge(
        [
            Delta(clocks={"a": 5, "b": 6}, positions={"a": Position("after", "1", 0)}),
            Delta(ended_shards=["a"]),
            Delta(clocks={"a": 9}),
        ]
    )
    assert (merged.clocks, merged.positions) == ({"a": 9, "b": 6}, {})
    assert merged.ended_shards == ["a"]


def test_stream_time_is_the_last_one_in_any_delta() -> None:
    assert merge([Delta(stream_time=5), Delta(), Delta(stream_time=9), Delta()]).stream_time == 9


def test_a_session_that_was_removed_and_came_back_starts_over() -> None:
    state = Session(SessionKey("twilio", "AC1", "CA1", "VX1"), 0)
    appended = [SessionChange(1, state, b"a"), SessionChange(1, state, b"b")]
    back = Delta(removed=[1], sessions=[SessionChange(1, state, b"whole")])
    merged = merge([Delta(sessions=[appended[0]]), Delta(sessions=[appended[1]]), back])
    assert [change.log for change in merged.sessions] == [b"whole"]
    assert [c.log for c in merge([Delta(sessions=[one]) for one in appended]).sessions] == [b"ab"]
    assert merge([back, Delta(removed=[1])]).sessions == []


def test_a_session_that_took_in_new_events_costs_a_commit_those_and_a_few_bytes() -> None:
    owner = Owner()
    records = list(simulated_records(Traffic(sessions=6, spread_s=1, malformed=0, duplicates=0), 3))
    owner.take(records[:200])
    owner.commit()
    owner.take(records[200:260])
    owner.commit()
    delta = decode_delta(owner.log[-1])
    assert len(delta.appended) > 1
    assert not delta.sessions
    events = [event for growth in delta.appended for event in growth.events]
    assert len(owner.log[-1]) < 200 + sum(map(len, events)) + 2 * len(events) + 5 * len(
        delta.appended
    )


def test_a_state_whose_first_commit_is_missing_is_refused() -> None:
    state = Session(SessionKey("twilio", "AC1", "CA1", "VX1"), 0)
    event = Event(state.key, 5, 1, "prompt_sent", None, 12)
    begun = Delta(sessions=[SessionChange(1, state, b"")])
    goes_on = Delta(appended=[SessionGrowth(1, [pack_event(event, 0)])])
    assert merge_all([begun, goes_on], "the state").sessions[0].state.count == 1
    with pytest.raises(CorruptState, match="the state: 1 sessions continue"):
        merge_all([goes_on], "the state")


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x01", encode_delta(Delta())[:-1], b"\x91\xa1x"])
def test_bytes_that_are_no_delta_are_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_delta(data)
