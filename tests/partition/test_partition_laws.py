"""Laws of a partition under simulated traffic, whatever the batches and the points of commit."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.building import Driven, accounts_add_up
from tests.scenes import BASE, records
from tests.test_sparse_streams import every_second_left_out
from worker.metrics.series import SeriesRules
from worker.partition.commit_outputs import EvictedSession, Outputs
from worker.partition.delta import Delta, decode_delta, merge
from worker.partition.numbering import ENOUGH_SESSIONS
from worker.partition.rules import Rules
from worker.sessions.event_log import unpack_log
from worker.sessions.state import Session
from worker.stream.record import Record
from worker.testing.habits import Habits
from worker.testing.traffic import Traffic, shard_id, simulated_records
from worker.times.minutes import MINUTE

SHARDS = [shard_id(n) for n in range(3)]
RULES = Rules(max_events=90, series=SeriesRules(per_set=2, in_all=30))
seeds = st.integers(0, 10**6)


def traffic(seed: int, sessions: int = 5) -> list[Record]:
    """Traffic over two quarters of an hour, some lost, hours late, twice, damaged, bundled."""
    settings = Traffic(
        sessions=sessions,
        shards=len(SHARDS),
        spread_s=900,
        stragglers=0.01,
        duplicates=0.1,
        lost=0.02,
        malformed=0.02,
        aggregates=0.1,
    )
    return list(simulated_records(settings, seed))


def sparse_traffic(seed: int) -> list[Record]:
    """Enough short sessions to judge a stream by, with every second number left out."""
    settings = Traffic(
        sessions=ENOUGH_SESSIONS + 20,
        shards=len(SHARDS),
        spread_s=2400,
        stragglers=0.01,
        malformed=0,
        habits=Habits(turns=3),
    )
    return list(every_second_left_out(simulated_records(settings, seed)))


def batches(arriving: list[Record], rng: Random) -> list[list[Record]]:
    some, rest = [], list(arriving)
    while rest:
        size = rng.randrange(1, 60)
        some.append(rest[:size])
        rest = rest[size:]
    return some


def advanced(driven: Driven, batch: list[Record]) -> None:
    """Fold a batch, and let time go on as if all shards had been read to their tips."""
    driven.take(batch)
    for shard in SHARDS:
        driven.partition.tip(shard, batch[-1].arrival)
    driven.partition.advance(SHARDS)


def said(outputs: Outputs) -> tuple[Any, ...]:
    """Outputs in a form that can be compared."""
    evicted = {key: (repr(one.state), one.log) for key, one in outputs.evicted.items()}
    return (
        outputs.window,
        sorted(outputs.records),
        sorted(outputs.dead_letters),
        outputs.test_ids,
        evicted,
    )


def in_any_order(deltas: list[bytes]) -> list[Delta]:
    """Deltas that do the same are equal, in whatever order they name sessions."""
    some = [decode_delta(data) for data in deltas]
    for one in some:
        one.sessions.sort(key=lambda change: change.state.key)
        one.appended.sort(key=lambda growth: growth.number)
        one.removed.sort()
    return some


@settings(max_examples=6)
@given(seeds)
def test_restored_at_any_commit_it_goes_on_as_if_it_had_never_stopped(seed: int) -> None:
    rng = Random(seed)
    cut = batches(traffic(seed), rng)
    goes_on_alike(cut, rng.sample(range(len(cut)), k=min(3, len(cut))))


@settings(max_examples=2)
@given(seeds)
def test_so_it_does_just_before_and_after_its_stream_is_found_sparse(seed: int) -> None:
    cut = batches(sparse_traffic(seed), Random(seed))
    driven, found = Driven(RULES), 0
    while not driven.partition.found_sparse:
        advanced(driven, cut[found])
        found += 1
    goes_on_alike(cut, [found - 2, found - 1])


def goes_on_alike(cut: list[list[Record]], stops: list[int]) -> None:
    """A partition restored after each of these batches gives out what one does that goes on."""
    steady, given_out = Driven(RULES), []
    archives: list[dict[Any, Any]] = []
    for batch in cut:
        advanced(steady, batch)
        given_out.append(said(steady.commit()))
        archives.append(dict(steady.archive))
    given_out.append(said(steady.finish()))
    for stop in stops:
        restored = Driven(RULES, merge(map(decode_delta, steady.deltas[: stop + 1])))
        restored.archive = archives[stop]
        later = []
        for batch in cut[stop + 1 :]:
            advanced(restored, batch)
            later.append(said(restored.commit()))
        later.append(said(restored.finish()))
        assert later == given_out[stop + 1 :]
        assert restored.partition.counters == steady.partition.counters
        assert restored.partition.positions == steady.partition.positions
        assert restored.partition.time.clocks == steady.partition.time.clocks
        assert in_any_order(restored.deltas) == in_any_order(steady.deltas[stop + 1 :])


@settings(max_examples=6)
@given(seeds)
def test_the_accounts_add_up_after_every_step_and_over_all_commits(seed: int) -> None:
    rng, driven = Random(seed), Driven(RULES)
    dead_letters = 0
    for batch in batches(traffic(seed), rng):
        advanced(driven, batch)
        assert accounts_add_up(driven.partition.counters)
        dead_letters += len(driven.commit().dead_letters)
    driven.finish()
    counters = driven.partition.counters
    assert accounts_add_up(counters)
    assert counters["dead_letters"] == dead_letters
    whole: Counter[str] = Counter()
    for data in driven.deltas:
        whole.update(decode_delta(data).counters)
    assert whole == +counters


@settings(max_examples=6)
@given(seeds)
def test_no_sample_is_emitted_before_its_hold(seed: int) -> None:
    rng, driven = Random(seed), Driven(Rules())
    for batch in batches(traffic(seed), rng):
        advanced(driven, batch)
        driven.commit()
    assert driven.told
    for now, told, _ in driven.told:
        assert now >= told.minute + MINUTE + 30_000


@settings(max_examples=6)
@given(seeds)
def test_time_may_go_on_in_any_steps(seed: int) -> None:
    rng = Random(seed)
    leaping, creeping = Driven(RULES), Driven(RULES)
    arriving = traffic(seed, sessions=3)
    for driven in (leaping, creeping):
        advanced(driven, arriving[:1])
    for batch in batches(arriving, rng):
        for driven in (leaping, creeping):
            driven.take(batch)
        for instant in sorted(rng.choices([one.arrival for one in batch], k=3)):
            for shard in SHARDS:
                creeping.partition.tip(shard, instant)
            creeping.partition.advance(SHARDS)
        for driven in (leaping, creeping):
            for shard in SHARDS:
                driven.partition.tip(shard, batch[-1].arrival)
            driven.partition.advance(SHARDS)
            driven.commit()
    assert leaping.told == creeping.told
    assert leaping.archive == creeping.archive
    assert leaping.deltas == creeping.deltas


@settings(max_examples=5)
@given(seeds)
def test_how_often_it_commits_changes_nothing_of_what_is_given_out(seed: int) -> None:
    rng, often, seldom = Random(seed), Driven(RULES), Driven(RULES)
    for batch in batches(traffic(seed, sessions=3), rng):
        for driven in (often, seldom):
            advanced(driven, batch)
        often.commit()
        if rng.random() < 0.2:
            seldom.commit()
    for driven in (often, seldom):
        driven.finish()
    assert in_all(often) == in_all(seldom)
    assert often.archive == seldom.archive
    assert often.partition.counters == seldom.partition.counters


def in_all(driven: Driven) -> Counter[Any]:
    whole: Counter[Any] = Counter()
    for _, told, count in driven.told:
        whole[told] += count
    return whole


@settings(max_examples=5)
@given(seeds)
def test_memory_is_bounded_by_what_is_open(seed: int) -> None:
    """Four hours after the last arrival no session is resident, and all of them can be loaded."""
    driven = Driven(Rules())
    arriving = traffic(seed)
    for batch in batches(arriving, Random(seed)):
        advanced(driven, batch)
        driven.commit()
    for shard in SHARDS:
        driven.partition.tip(shard, arriving[-1].arrival + 4 * 60 * MINUTE)
    driven.partition.advance(SHARDS)
    driven.commit()
    assert driven.partition.resident == 0
    assert len(driven.archive) == driven.partition.counters["sessions_opened"]
    restored = merge(map(decode_delta, driven.deltas))
    assert restored.sessions == []


def test_a_session_brought_back_is_whole_in_the_commit_that_brings_it_back() -> None:
    scene = [(0, "dtmf"), (10, "odd"), (20, "call_wrap_up", {"end_status": "ended"})]
    steady = Driven(Rules())
    for one in records(scene):
        steady.take([one])
        let_time_go_on(steady, one.arrival - BASE)
    let_time_go_on(steady, 60 * MINUTE)
    assert steady.partition.resident == 0
    late = records([(5, "digit")])[0]
    steady.take([replace(late, arrival=BASE + 61 * MINUTE)])
    steady.commit()
    restored = Driven(Rules(), merge(map(decode_delta, steady.deltas)))
    for driven in (steady, restored):
        let_time_go_on(driven, 70 * MINUTE)
    assert restored.archive == steady.archive
    ((state, log),) = restored.archive.values()
    evicted = EvictedSession(msgspec.msgpack.decode(state, type=Session), log)
    assert (evicted.state.count, evicted.state.revision) == (4, 2)
    assert len(unpack_log(evicted.log, 4)) == 4


def let_time_go_on(driven: Driven, until: int) -> None:
    driven.partition.tip("shard-0", BASE + until)
    driven.partition.advance(["shard-0"])
    driven.commit()


def test_an_idle_commit_says_only_how_far_time_and_numbers_are() -> None:
    driven = Driven(Rules())
    assert decode_first(driven) == Delta()
    for batch in batches(traffic(1), Random(1)):
        advanced(driven, batch)
    driven.commit()
    driven.commit()
    idle = decode_delta(driven.deltas[-1])
    assert idle.numbered >= 5
    assert idle == Delta(stream_time=driven.partition.now, numbered=idle.numbered)


def decode_first(driven: Driven) -> Delta:
    driven.commit()
    return decode_delta(driven.deltas[0])
