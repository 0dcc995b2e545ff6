"""Whatever befalls a fleet: each occurrence arrives once, and what is skipped is missed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.fleet.protocol import (
    CHILD,
    CHILDREN,
    FLEET,
    PARENT,
    SOURCE,
    BucketReader,
    KeyedStream,
    MarksUnderWay,
    Outcome,
    Run,
    expected,
)
from worker.errors import ChainBroken
from worker.fleet.bundles import Bundle, Mark, decode_bundle

OUTCOMES = st.lists(
    st.sampled_from(
        ["applied", "applied", "applied", "not applied", "ambiguous, applied", "ambiguous, late"]
    ),
    min_size=FLEET.buckets,
    max_size=FLEET.buckets,
)
ANY = st.integers(0, 1 << 16)
ALL_APPLIED: list[Outcome] = ["applied"] * FLEET.buckets


class Fleet(RuleBasedStateMachine):
    """Routers that lose leases and go on, marks of any of them, buckets that die."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = KeyedStream()
        self.runs: list[Run] = []
        self.owners: dict[str, Run] = {}
        self.checkpoints = {PARENT: ""}
        self.ended: set[str] = set()
        self.marks: list[MarksUnderWay] = []
        self.buckets = [BucketReader(one) for one in range(FLEET.buckets)]

    @rule(n=ANY)
    def lease(self, n: int) -> None:
        """Whoever had the lease doesn't know, and goes on."""
        shards = sorted(self.checkpoints.keys() - self.ended)
        if shards:
            shard = shards[n % len(shards)]
            self.owners[shard] = Run(shard, self.checkpoints[shard])
            self.runs.append(self.owners[shard])

    @precondition(lambda self: self.runs)
    @rule(n=ANY, size=st.integers(1, 9), outcomes=OUTCOMES, times=st.integers(1, 4))
    def route(self, n: int, size: int, outcomes: list[Outcome], times: int) -> None:
        run = self.runs[n % len(self.runs)]
        for _ in range(times):
            if not run.done:
                run.step(self.stream, size, outcomes)

    @precondition(lambda self: self.runs)
    @rule(n=ANY)
    def stop(self, n: int) -> None:
        self.runs.pop(n % len(self.runs))

    @precondition(lambda self: self.runs)
    @rule(n=ANY)
    def end(self, n: int) -> None:
        run = self.runs[n % len(self.runs)]
        if run.done:
            run.routing.end(CHILDREN[run.shard])

    @precondition(lambda self: self.runs)
    @rule(first=ANY, count=st.integers(1, 3))
    def make_marks(self, first: int, count: int) -> None:
        start = first % len(self.runs)
        self.marks.append(MarksUnderWay(self.runs[start : start + count]))

    @precondition(lambda self: self.marks)
    @rule(n=ANY, outcomes=OUTCOMES)
    def put_marks(self, n: int, outcomes: list[Outcome]) -> None:
        one = self.marks[n % len(self.marks)]
        if one.step(self.stream, outcomes):
            self.marks.remove(one)

    @rule()
    def checkpoint(self) -> None:
        """By all who have the lease."""
        for shard, run in list(self.owners.items()):
            if shard in self.ended or run not in self.runs:
                continue
            self.checkpoints[shard] = run.routing.settled
            if run.routing.end_settled:
                self.ended.add(shard)
                self.checkpoints |= dict.fromkeys(CHILDREN[shard], "")

    @precondition(lambda self: self.stream.late)
    @rule(n=ANY)
    def come_late(self, n: int) -> None:
        self.stream.come(n)

    @rule(n=ANY, records=st.integers(1, 9))
    def read(self, n: int, records: int) -> None:
        for _ in range(records):
            self.buckets[n % FLEET.buckets].take(self.stream)

    @rule(n=ANY)
    def commit(self, n: int) -> None:
        self.buckets[n % FLEET.buckets].commit()

    @rule(n=ANY)
    def die(self, n: int) -> None:
        self.buckets[n % FLEET.buckets].die()

    def teardown(self) -> None:
        """Let all of it come to an end, and look."""
        while self.stream.late:
            self.stream.come(0)
        while self.ended != set(SOURCE):
            self.lease(0)
            (shard,) = sorted(self.checkpoints.keys() - self.ended)
            run = self.owners[shard]
            while not run.done:
                run.step(self.stream, 5, ALL_APPLIED)
            run.routing.end(CHILDREN[shard])
            assert MarksUnderWay([run]).step(self.stream, ALL_APPLIED)
            self.checkpoint()
        for one in self.buckets:
            while one.take(self.stream):
                pass
            one.commit()
        for bucket, wanted in expected().items():
            assert self.buckets[bucket].committed == wanted
            ended = {shard: at.kind for shard, at in self.buckets[bucket].positions.items()}
            assert ended == {PARENT: "ended", CHILD: "ended"}


def test_each_occurrence_reaches_its_bucket_exactly_once_whatever_befalls_the_fleet() -> None:
    run_state_machine_as_test(Fleet, settings=settings(max_examples=120, stateful_step_count=60))


def told(size: int) -> dict[int, list[Bundle | Mark]]:
    """All that each bucket is told of a source that is routed in batches without any trouble."""
    stream, run = KeyedStream(), Run(PARENT, "")
    while not run.done:
        run.step(stream, size, ALL_APPLIED)
        run.step(stream, size, ALL_APPLIED)
        MarksUnderWay([run]).step(stream, ALL_APPLIED)
    return {bucket: list(map(decode_bundle, some)) for bucket, some in stream.records.items()}


@given(st.integers(1, 9), st.data())
def test_the_chain_finds_whatever_was_skipped_once_anything_follows(
    size: int, data: st.DataObject
) -> None:
    for bucket, messages in told(size).items():
        skipped = data.draw(st.sets(st.integers(0, len(messages) - 2), min_size=1))
        reader = BucketReader(bucket)
        for n, one in enumerate(messages):
            if n in skipped:
                continue
            if n > min(skipped):
                with pytest.raises(ChainBroken):
                    reader.fold(one)
                break
            reader.fold(one)


@given(st.integers(1, 9))
def test_each_message_begins_where_the_one_before_ended(size: int) -> None:
    for messages in told(size).values():
        stretches = [
            one.progress if isinstance(one, Bundle) else one.progress[0] for one in messages
        ]
        assert all(two.after == one.through for one, two in pairwise(stretches))
        assert stretches[0].after == ""
        assert stretches[-1].through == SOURCE[PARENT][-1].sequence_number


def test_a_run_that_begins_beyond_what_all_were_told_breaks_the_chain() -> None:
    """As after a checkpoint of what was acknowledged instead of what was told."""
    stream = KeyedStream()
    first = Run(PARENT, "")
    first.step(stream, 1, ALL_APPLIED)
    first.step(stream, 1, ALL_APPLIED)
    assert (first.routing.through, first.routing.settled) == ("10", "")
    second = Run(PARENT, first.routing.through)
    for _ in range(2):
        second.step(stream, 20, ALL_APPLIED)
    broken = 0
    for one in map(BucketReader, range(FLEET.buckets)):
        try:
            while one.take(stream):
                pass
        except ChainBroken:
            broken += 1
    assert broken == FLEET.buckets - 1
