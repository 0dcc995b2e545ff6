"""The service's loop, turn by turn: a scripted source, a real partition, a real store."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reachable import texts_within
from tests.scenes import BASE, cloud_event
from tests.servicing import (
    COMMIT_EVERY_S,
    HEAD,
    HOUR,
    LEAD,
    SCENE,
    Worker,
    scene,
)
from worker.errors import CorruptState, Fenced
from worker.outbox.entries import DeliveryOutcome
from worker.partition.delta import merge
from worker.stream.position import Position


def test_where_to_begin_is_committed_before_anything_is_read() -> None:
    worker = Worker(positions={"a": HEAD, "b": Position("at_timestamp", "1000", 1000)})
    assert worker.source.asked == []
    (first,) = worker.store.commits
    assert first.delta.positions == {
        "a": ("trim_horizon", "", 0),
        "b": ("at_timestamp", "1000", 1000),
    }


def test_nothing_is_committed_before_its_time() -> None:
    worker = Worker()
    worker.turn(worker.batch("a", 0, *scene()))
    assert len(worker.store.commits) == 1
    worker.turn_and_commit()
    assert len(worker.store.commits) == 2
    assert worker.store.state.counters["folded"] == len(SCENE)
    assert worker.store.state.positions["a"] == ("after", str(len(SCENE)), BASE)


@pytest.mark.slow
def test_a_flood_is_committed_before_its_time() -> None:
    worker = Worker()
    batch = worker.batch("a", 0, *[b""] * 50_000)
    worker.turn(batch)
    assert len(worker.store.commits) == 2
    assert worker.store.state.counters["dead_letters"] == 50_000


STEP = st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.booleans(), st.booleans())


@settings(max_examples=60)
@given(st.lists(STEP, max_size=12))
def test_a_commit_holds_what_its_positions_say_no_more_and_no_less(
    steps: list[tuple[str, int, bool, bool]],
) -> None:
    worker = Worker(positions=dict.fromkeys("abc", HEAD))
    read: dict[tuple[str, str], int] = {}
    sizes = dict.fromkeys("abc", 0)
    for n, (shard, size, commit, together) in enumerate(steps):
        batches = [worker.batch(shard, n, *[b"%d" % n] * size)]
        if together:
            batches.append(worker.batch("a", n, b"more"))
        for batch in batches:
            sizes[batch.shard] += len(batch.records)
            read[batch.shard, batch.position.value] = sizes[batch.shard]
        (worker.turn_and_commit if commit else worker.turn)(*batches)
        for until in range(1, len(worker.store.commits) + 1):
            state = merge(one.delta for one in worker.store.commits[:until])
            resident = sum(read.get((s, mark[1]), 0) for s, mark in state.positions.items())
            letters = sum(
                draft.body.count(b"\n")
                for one in worker.store.commits[:until]
                for draft in one.new_entries
            )
            assert state.counters.get("occurrences", 0) == resident == letters


def test_what_a_worker_leaves_uncommitted_its_successor_reads_again(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    first = Worker(path)
    whole = scene()
    first.turn_and_commit(first.batch("a", 0, *whole[:3]))
    first.turn(first.batch("a", 0, *whole[3:]))
    second = Worker(path)
    assert second.partition.positions["a"] == ("trim_horizon", "", 0)
    assert second.partition.counters["folded"] == 3
    second.turn_and_commit(second.batch("a", 0, *whole[3:]))
    second.turn_and_commit(second.batch("a", HOUR))
    (record,) = second.sent_records()
    assert record["completeness"]["events"] == len(SCENE)


def test_the_one_who_comes_later_fences_the_earlier(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    first = Worker(path)
    Worker(path)
    with pytest.raises(Fenced):
        first.turn_and_commit(first.batch("a", 0, *scene()))


def test_a_late_event_brings_a_session_back_from_the_store() -> None:
    worker = Worker()
    worker.turn_and_commit(worker.batch("a", 0, *scene()))
    worker.turn_and_commit(worker.batch("a", HOUR))
    assert worker.partition.resident == 0
    late = scene((5500, "dtmf"))
    worker.turn_and_commit(worker.batch("a", HOUR, *late[-2:]))
    worker.turn_and_commit(worker.batch("a", 2 * HOUR))
    records = worker.sent_records()
    assert [record["revision"] for record in records] == [1, 2]
    assert [record["dtmf"] for record in records] == [0, 1]
    assert worker.partition.counters["duplicates"] == 1
    assert worker.partition.resident == 0


def test_a_session_is_dropped_from_the_store_when_it_can_change_no_more() -> None:
    worker = Worker()
    worker.turn_and_commit(worker.batch("a", 0, *scene()))
    worker.turn_and_commit(worker.batch("a", HOUR))
    key = worker.store.commits[-1].evicted[0].state.key
    assert key in worker.store.load_sessions([key])
    worker.turn_and_commit(worker.batch("a", 6 * HOUR))
    assert worker.store.load_sessions([key]) == {}


@settings(max_examples=30)
@given(st.lists(STEP, max_size=8))
def test_a_source_receives_positions_that_are_durable_and_no_others(
    steps: list[tuple[str, int, bool, bool]],
) -> None:
    worker = Worker(positions=dict.fromkeys("abc", HEAD))
    for n, (shard, size, commit, _) in enumerate(steps):
        batch = worker.batch(shard, n, *[b"%d" % n] * size)
        (worker.turn_and_commit if commit else worker.turn)(batch)
        assert worker.source.durable == worker.store.state.positions


def test_a_gap_is_counted_and_reported() -> None:
    worker = Worker()
    worker.turn_and_commit(worker.batch("a", 0, gap=True))
    assert worker.store.state.counters["input_gaps"] == 1
    assert ("gap", "a") in worker.heard.told


def test_the_test_event_is_reported_when_it_is_committed() -> None:
    worker = Worker()
    event = {"type": "com.twilio.eventstreams.test-event", "data": {"test_id": "T1"}}
    worker.turn(worker.batch("a", 0, json.dumps(event).encode()))
    assert ("test event", "T1") not in worker.heard.told
    worker.turn_and_commit()
    assert ("test event", "T1") in worker.heard.told


def test_progress_counts_the_sessions_with_events_on_several_shards() -> None:
    worker = Worker(positions={"a": HEAD, "b": HEAD})
    events = [cloud_event(n, "prompt_sent", None, n) for n in (1, 2)]
    worker.turn_and_commit(worker.batch("a", 0, events[0]), worker.batch("b", 0, events[1]))
    progress = worker.heard.told[-1]
    assert (progress.sessions, progress.cross_shard) == (1, 1)


def test_progress_names_the_shard_furthest_behind_and_what_waits() -> None:
    worker = Worker(positions={"a": HEAD, "b": HEAD})
    worker.turn_and_commit(
        worker.batch("a", 0, b"?", millis_behind=7000), worker.batch("b", 5, millis_behind=0)
    )
    progress = worker.heard.told[-1]
    assert progress.behind_ms == 7000
    assert progress.stream_time == BASE
    assert progress.counters["dead_letters"] == 1
    assert progress.backlog.entries == 1
    ended = worker.batch("a", 0, position=Position("ended", "", BASE))
    worker.turn_and_commit(ended)
    assert worker.heard.told[-1].behind_ms == 0


def test_a_shard_that_answers_no_more_falls_behind() -> None:
    """Nor is one at its tip that never answered at all: as when reading is denied."""
    worker = Worker(positions={"a": HEAD, "b": HEAD})
    worker.turn_and_commit(worker.batch("a", 0, b"?", millis_behind=7000))
    assert [one.behind_ms for one in worker.heard.told[-1].shards.values()] == [7000, None]
    worker.now += 3600
    worker.turn_and_commit()
    told = worker.heard.told[-1]
    since = 3600_000 + 1000 * COMMIT_EVERY_S
    assert told.shards["a"].behind_ms == told.behind_ms == 7000 + since
    assert told.shards["b"].behind_ms >= since
    worker.turn_and_commit(worker.batch("a", 0), worker.batch("b", 0))
    assert worker.heard.told[-1].behind_ms == 0


def test_a_shard_that_runs_ahead_waits_for_the_others() -> None:
    worker = Worker(positions={"a": HEAD, "b": HEAD})
    worker.turn(worker.batch("a", 0), worker.batch("b", LEAD))
    assert worker.source.paused == set()
    worker.turn(worker.batch("b", LEAD + 1))
    assert worker.source.paused == {"b"}
    worker.turn()
    assert worker.source.paused == {"b"}
    worker.turn(worker.batch("a", 1))
    assert worker.source.paused == set()


def test_time_waits_for_every_shard_that_can_still_deliver() -> None:
    worker = Worker(positions={"a": HEAD, "b": HEAD})
    worker.turn(worker.batch("a", 9000))
    before = worker.partition.now
    worker.turn(worker.batch("b", 0, clock=BASE + 4000))
    assert (before, worker.partition.now) == (None, BASE + 4000)
    worker.turn(worker.batch("b", 4000, position=Position("ended", "", BASE + 4000)))
    assert worker.partition.now == BASE + 9000


def test_children_hold_time_from_their_parents_end_on() -> None:
    worker = Worker(positions={"a": HEAD, "b": HEAD})
    worker.turn(worker.batch("a", 0), worker.batch("b", 0))
    children = {name: Position("trim_horizon", "", BASE + 1000) for name in ("a1", "a2")}
    end = Position("ended", "", BASE + 1000)
    worker.turn_and_commit(
        worker.batch("a", 1000, position=end, children=children), worker.batch("b", HOUR)
    )
    assert worker.partition.now == BASE + 1000
    positions = worker.store.state.positions
    assert positions["a"] == ("ended", "", BASE + 1000)
    assert positions["a1"] == positions["a2"] == ("trim_horizon", "", BASE + 1000)
    worker.turn(worker.batch("a1", HOUR))
    assert worker.partition.now == BASE + 1000
    worker.turn(worker.batch("a2", 2000))
    assert worker.partition.now == BASE + 2000


def test_a_shard_that_has_left_the_stream_leaves_the_state() -> None:
    worker = Worker(positions={"a": HEAD, "b": HEAD})
    worker.turn_and_commit(
        worker.batch("a", 0, position=Position("ended", "", BASE)), worker.batch("b", 0)
    )
    worker.source.removed = ["a"]
    worker.turn_and_commit()
    assert set(worker.store.state.positions) == {"b"}
    assert set(worker.store.state.clocks) == {"b"}


def test_a_worker_holds_on_to_nothing_of_a_shard_that_has_left() -> None:
    """However many come and go, as in a stream that scales up and down for years."""
    worker = Worker(positions={"a": HEAD, "b": HEAD})
    worker.turn_and_commit(worker.batch("a", 0, b"?"), worker.batch("b", LEAD + 1, b"?"))
    worker.turn()
    assert worker.source.paused == {"b"}
    assert {"a", "b"} <= texts_within(worker.service)
    worker.turn_and_commit(worker.batch("b", LEAD + 2, position=Position("ended", "", BASE)))
    worker.source.removed = ["b"]
    worker.turn_and_commit(worker.batch("a", HOUR))
    worker.turn_and_commit()
    assert "a" in texts_within(worker.service)
    assert "b" not in texts_within(worker.service)


def _break_sender(worker: Worker, error: Exception) -> None:
    worker.sender.broken = error


def _break_compactor(worker: Worker, error: Exception) -> None:
    worker.compactor.broken = error


def _break_source(worker: Worker, error: Exception) -> None:
    worker.source.error = error


@pytest.mark.parametrize("break_it", [_break_sender, _break_compactor, _break_source])
def test_what_ends_a_part_ends_the_worker(
    break_it: Callable[[Worker, Exception], None], tmp_path: Path
) -> None:
    worker = Worker(tmp_path / "state.sqlite")
    worker.turn()
    error = CorruptState("gone")
    break_it(worker, error)
    with pytest.raises(CorruptState) as caught:
        worker.service.run(lambda: None)
    assert caught.value is error
    assert worker.source.asked[-1] == "stop"


def test_a_worker_that_is_fenced_while_it_sends_its_last_says_so(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"

    class Successor:
        def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
            Worker(path)
            return DeliveryOutcome.APPLIED, ""

    worker = Worker(path, sinks={"records": Successor()})
    worker.source.batches = [worker.batch("a", 0, *scene()), worker.batch("a", HOUR)]
    turns = iter([None, 60.0])
    with pytest.raises(Fenced):
        worker.service.run(lambda: next(turns))


def test_a_partition_that_is_taken_away_before_it_starts_is_abandoned_in_peace(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.sqlite"
    worker = Worker(path)
    Worker(path)
    worker.service.abandon()
    assert worker.source.asked == ["stop"]
    assert not worker.sender.stop(0.0)


def test_whoever_turns_a_service_by_hand_gets_what_running_it_gives(tmp_path: Path) -> None:
    left = []
    for name in ("run", "by hand"):
        worker = Worker(tmp_path / name)
        worker.source.batches = [worker.batch("a", 0, *scene()), worker.batch("a", HOUR)]
        if name == "run":
            backlog = worker.service.run(partial(next, iter([None, 60.0])))
        else:
            worker.service.start()
            worker.service.turn(0.0)
            backlog = worker.service.finish(60.0)
        restored = Worker(tmp_path / name).partition
        left.append((backlog, worker.records.lines, worker.source.asked, restored.counters))
    assert left[0] == left[1]


def test_at_the_end_all_that_was_folded_is_committed_and_sent(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    worker = Worker(path)
    worker.source.batches = [worker.batch("a", 0, *scene()), worker.batch("a", HOUR)]
    turns = iter([None, 60.0])
    backlog = worker.service.run(lambda: next(turns))
    assert backlog.entries == 0
    assert worker.source.asked == ["start", "poll", "stop"]
    assert [record["session_id"] for record in worker.records.lines] == ["VX1"]
    assert Worker(path).partition.counters["folded"] == len(SCENE)


@pytest.mark.parametrize(("now", "left"), [(40.0, 20.0), (60.0, 0.0), (70.0, 0.0)])
def test_sender_and_compactor_are_given_what_is_left_of_the_time_to_end(
    now: float, left: float, tmp_path: Path
) -> None:
    worker = Worker(tmp_path / "state.sqlite")
    worker.now = now
    worker.service.start()
    worker.service.finish(60.0)
    assert worker.sender.given_s == worker.compactor.given_s == [left]


def test_what_cannot_be_sent_in_time_stays_for_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    worker = Worker(path, outcome=DeliveryOutcome.NOT_APPLIED)
    worker.source.batches = [worker.batch("a", 0, *scene()), worker.batch("a", HOUR)]
    turns = iter([None, 0.1])
    backlog = worker.service.run(lambda: next(turns))
    assert backlog.entries > 0
    (record,) = Worker(path).sent_records()
    assert record["session_id"] == "VX1"


@pytest.mark.parametrize(
    "unread",
    [Position("trim_horizon", "", BASE), Position("at_timestamp", str(BASE), BASE)],
)
def test_no_shard_waits_for_one_that_waits_for_its_end(unread: Position) -> None:
    """After a merge the child holds time where its first parent ended, and can begin only when
    the other one has ended, too: that one must not pause for running ahead.
    """
    worker = Worker(positions={"a": HEAD, "b": HEAD})
    child = {"child": unread}
    ended = Position("ended", "", BASE)
    worker.turn(worker.batch("a", 0, position=ended, children=child))
    worker.turn(worker.batch("b", 0, clock=BASE + 10 * LEAD))
    assert worker.source.paused == set()
