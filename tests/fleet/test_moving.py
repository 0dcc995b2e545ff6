"""A state moved to a fleet's buckets, and back, goes on as if it had never been moved."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.building import Driven, accounts_add_up
from worker.errors import BadInput
from worker.events.decode import Delivery, decode_all
from worker.events.event import Event, SessionKey
from worker.fleet.moving import WholeState, join_states, split_state, start_after
from worker.metrics.series import Series
from worker.outbox.ledger import Note, tally_of
from worker.partition.commit_outputs import EvictedSession, Outputs
from worker.partition.delta import Delta, SessionChange, decode_delta, encode_delta, merge_all
from worker.partition.revisions import LastRevisions, merge_revisions
from worker.partition.rules import Rules
from worker.sessions.state import Closed, Session
from worker.stream.position import CARRIER, Position, carrier_at
from worker.stream.record import Record
from worker.testing.traffic import Traffic, shard_id, simulated_records

BUCKETS = 4
SHARDS = [shard_id(n) for n in range(3)]
RULES = Rules()
seeds = st.integers(0, 10**6)


def bucket_of(session_id: str) -> int:
    return crc32(session_id.encode()) % BUCKETS


def bucket_of_delivery(delivery: Delivery) -> int:
    occurrence = delivery.occurrence
    if isinstance(occurrence, Event):
        return bucket_of(occurrence.key.session_id)
    return bucket_of(delivery.sequence_number)


def batches(seed: int) -> list[list[Record]]:
    """Two quarters of an hour of calls, and time enough after them for most to be evicted."""
    traffic = Traffic(
        sessions=9,
        shards=len(SHARDS),
        spread_s=900,
        stragglers=0.01,
        duplicates=0.1,
        lost=0.02,
        malformed=0.02,
        aggregates=0.1,
    )
    rest, rng = list(simulated_records(traffic, seed)), Random(seed)
    cut = []
    while rest:
        size = rng.randrange(1, 60)
        cut.append(rest[:size])
        rest = rest[size:]
    return cut


def read(driven: Driven, deliveries: list[Delivery], batch: list[Record]) -> Outputs:
    """Fold what a bucket gets of a batch; how far the shards are read, all buckets know."""
    partition = driven.partition
    misses = partition.fold_resident(deliveries)
    partition.fold_misses(
        misses, {key: driven.evicted(key) for key in misses if key in driven.archive}
    )
    for record in batch:
        at = Position("after", record.sequence_number, record.arrival)
        partition.move(record.shard, at)
    for shard in SHARDS:
        partition.tip(shard, batch[-1].arrival)
    partition.advance(SHARDS)
    return driven.commit()


def read_all(buckets: list[Driven], batch: list[Record]) -> list[Outputs]:
    parts: list[list[Delivery]] = [[] for _ in buckets]
    for delivery in decode_all(batch):
        place = 0 if len(buckets) == 1 else bucket_of_delivery(delivery)
        parts[place].append(delivery)
    return [read(one, part, batch) for one, part in zip(buckets, parts, strict=True)]


def said(outputs: list[Outputs]) -> tuple[Any, ...]:
    """The outputs of some partitions together, in a form that can be compared."""
    window: dict[Any, Counter[int]] = {}
    evicted: dict[Any, Any] = {}
    for one in outputs:
        for key, distribution in one.window.items():
            window.setdefault(key, Counter()).update(distribution)
        evicted |= {key: (repr(held.state), held.log) for key, held in one.evicted.items()}
    return (
        window,
        sorted(line for one in outputs for line in one.records),
        sorted(letter for one in outputs for letter in one.dead_letters),
        sorted(test for one in outputs for test in one.test_ids),
        evicted,
    )


def stored(first: WholeState, driven: Driven) -> WholeState:
    """What a store holds: the state that it began with, and the commits since."""
    whole = merge_all([first.whole, *map(decode_delta, driven.deltas)], "here")
    resident = {change.state.key for change in whole.sessions}
    evicted = [driven.evicted(key) for key in driven.archive if key not in resident]
    return WholeState(whole, evicted, [])


def state_of(driven: Driven) -> WholeState:
    return stored(WholeState(Delta(), [], []), driven)


def going_on(state: WholeState) -> Driven:
    driven = Driven(RULES, decode_delta(encode_delta(state.whole)))
    driven.archive = {
        one.state.key: (msgspec.msgpack.encode(one.state), one.log) for one in state.evicted
    }
    return driven


def counters_of(driven: list[Driven]) -> Counter[str]:
    whole: Counter[str] = Counter()
    for one in driven:
        whole.update(one.partition.counters)
    return +whole


@settings(max_examples=8, deadline=None)
@given(seeds)
def test_buckets_and_the_state_that_they_become_again_go_on_as_one_partition_does(
    seed: int,
) -> None:
    cut, rng = batches(seed), Random(seed)
    there, back = sorted(rng.sample(range(1, len(cut) + 1), k=2))
    single, moving = Driven(RULES), [Driven(RULES)]
    begun = [WholeState(Delta(), [], [])]
    for at, batch in enumerate(cut):
        if at in (there, back):
            states = [stored(first, one) for first, one in zip(begun, moving, strict=True)]
            begun = [join_states(states)]
            if at == there:
                begun = split_state(states[0], BUCKETS, bucket_of)
            moving = list(map(going_on, begun))
        assert said(read_all(moving, batch)) == said(read_all([single], batch))
        assert counters_of(moving) == counters_of([single])
        assert all(accounts_add_up(one.partition.counters) for one in moving)
    assert said([one.finish() for one in moving]) == said([single.finish()])


@settings(max_examples=8, deadline=None)
@given(seeds)
def test_what_goes_to_buckets_and_comes_back_at_once_is_what_it_was(seed: int) -> None:
    driven = Driven(RULES)
    for batch in batches(seed)[:20]:
        read_all([driven], batch)
    before = state_of(driven)
    after = join_states(split_state(before, BUCKETS, bucket_of))
    one, other = before.whole, after.whole
    for name in Delta.__struct_fields__:
        if name not in ("numbered", "sessions", "series", "counters", "totals", "revisions"):
            assert getattr(one, name) == getattr(other, name), name
    assert +Counter(other.counters) == +Counter(one.counters)
    assert other.series == one.series
    assert {repr(c.state): c.log for c in other.sessions} == {
        repr(c.state): c.log for c in one.sessions
    }
    assert len({c.number for c in other.sessions}) == len(other.sessions) <= other.numbered
    assert sorted(map(repr, after.evicted)) == sorted(map(repr, before.evicted))


@settings(max_examples=8, deadline=None)
@given(seeds)
def test_each_session_is_in_its_bucket_only(seed: int) -> None:
    driven = Driven(RULES)
    for batch in batches(seed):
        read_all([driven], batch)
    states = split_state(state_of(driven), BUCKETS, bucket_of)
    for bucket, state in enumerate(states):
        held = [c.state for c in state.whole.sessions] + [one.state for one in state.evicted]
        assert {bucket_of(one.key.session_id) for one in held} <= {bucket}
        assert state.whole.positions == driven.partition.positions
        assert state.whole.counters.get("sessions_opened", 0) >= len(
            [c for c in state.whole.sessions if c.state.closed is None]
        )


def test_every_bucket_knows_what_names_no_session() -> None:
    series = [Series("Turns", ())]
    whole = Delta(
        stream_time=9,
        clocks={"shard": 9},
        positions={"shard": Position("after", "5", 9)},
        series=series,
        found_sparse=True,
        erased=[b"digest"],
        revisions={0: b"x" * 24},
        counters={"occurrences": 7},
    )
    states = split_state(WholeState(whole, [], []), BUCKETS, bucket_of)
    for bucket, state in enumerate(states):
        assert state.whole == msgspec.structs.replace(
            whole, counters={"occurrences": 7} if bucket == 0 else {}
        )


def test_the_ledger_says_the_same_under_numbers_that_no_request_has() -> None:
    series = Series("Turns", ())
    notes = [Note(n, "metrics", 1, 1 + n % 2, ((series, 60_000 * n, n),)) for n in range(1, 9)]
    states = split_state(WholeState(Delta(), [], notes), BUCKETS, bucket_of)
    again = [
        state._replace(notes=[*state.notes, Note(1, "metrics", 1, 1, ((series, 0, 3),))])
        for state in states
    ]
    joined = join_states(again).notes
    expected = [*notes, *(Note(1, "metrics", 1, 1, ((series, 0, 3),)) for _ in states)]
    assert tally_of(joined) == tally_of(expected)
    numbers = [note.entry for note in joined]
    assert len(set(numbers)) == len(numbers) == 12
    assert max(numbers) < 0


def bucket_at(*positions: tuple[str, Position]) -> WholeState:
    return WholeState(Delta(positions=dict(positions)), [], [])


def test_buckets_that_have_not_read_equally_far_stay_what_they_are() -> None:
    far, near = Position("after", "9", 900), Position("after", "5", 500)
    with pytest.raises(BadInput, match="bucket 1 has not read s1 as far as bucket 0"):
        join_states([bucket_at(("s1", far)), bucket_at(("s1", near))])
    with pytest.raises(BadInput, match="bucket 0 has not read s1"):
        join_states([bucket_at(), bucket_at(("s1", near))])


def test_a_shard_that_has_ended_may_be_forgotten_by_some_of_them() -> None:
    ended = Position("ended", "9", 900)
    joined = join_states([bucket_at(("s1", ended)), bucket_at()])
    assert joined.whole.positions == {"s1": ended}


def test_shards_of_the_keyed_stream_are_of_no_use_to_a_single_worker() -> None:
    at = Position("after", "9", 900)
    states = [
        WholeState(
            Delta(
                positions={"s1": at, f"{CARRIER}s1": carrier_at(str(n), n)},
                clocks={"s1": 900 + n, f"{CARRIER}s1": n},
            ),
            [],
            [],
        )
        for n in range(2)
    ]
    whole = join_states(states).whole
    assert (whole.positions, whole.clocks) == ({"s1": at}, {"s1": 901})


def test_a_sessions_highest_revision_is_remembered() -> None:
    key = SessionKey("twilio", "AC1", "CA1", "VX1")
    states = []
    for revision in (3, 9, 4):
        revisions = LastRevisions({})
        revisions.remember(key, 5_000, revision)
        states.append(revisions.drain())
    assert LastRevisions(merge_revisions(states)).revision(key, 6_000) == 9


def test_numbers_of_sessions_are_given_anew() -> None:
    def with_session(name: str) -> WholeState:
        state = Session(SessionKey("twilio", "AC1", "CA1", name), 0)
        return WholeState(Delta(numbered=7, sessions=[SessionChange(7, state, b"")]), [], [])

    whole = join_states([with_session("VX1"), with_session("VX2")]).whole
    assert [change.number for change in whole.sessions] == [1, 2]
    assert whole.numbered == 2


def test_closed_sessions_go_along() -> None:
    state = Session(SessionKey("twilio", "AC1", "CA1", "VX1"), 0, closed=Closed(0, "idle", 5))
    one = EvictedSession(state, b"")
    states = split_state(WholeState(Delta(), [one], []), BUCKETS, bucket_of)
    assert [state.evicted for state in states].count([one]) == 1
    assert join_states(states).evicted == [one]


def test_routers_begin_a_minute_before_what_is_unread() -> None:
    ended, unread = Position("ended", "9", 100), Position("trim_horizon", "", 67_300)
    positions = {"s1": ended, "s2": Position("after", "9", 69_999), "s3": unread}
    assert start_after(positions) == 7_000
    assert start_after({"s3": unread._replace(seen_to=60_000)}) == "trim_horizon"
    assert start_after({**positions, "s4": Position("trim_horizon")}) == "trim_horizon"
    assert start_after({}) == "trim_horizon"
