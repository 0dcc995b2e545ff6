"""Both stores are one: whatever is done to them, they give the same answers."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.state.commits import (
    CALL,
    KINDS,
    NOON,
    STREAM,
    commit,
    deltas,
    draft,
    evicted,
    key,
    note_on,
    without_threes,
    writes,
)
from tests.state.s3.buckets import ledger_in, needed_in, store_in
from worker.errors import Fenced, StreamReplaced
from worker.outbox.entries import DeliveryOutcome, EntryKind, NewEntry, Settled
from worker.outbox.ledger import Note
from worker.partition.delta import Delta
from worker.state.s3.maintenance import MaintenanceSchedule
from worker.state.sqlite.store import SqliteStore
from worker.state.sqlite.view import notes_since
from worker.state.store import Edit, Erasable
from worker.testing.strict_s3 import S3Fault, S3Operation, StrictS3

_FAULTS = [fault for fault in S3Fault if fault is not S3Fault.DENIED]
_INSTEAD = (draft(20)._replace(ambiguous=3), NewEntry("dead_letters", b"bad\n", NOON))

MOVED = "moved to another place"

T = TypeVar("T")
Pair = tuple[Erasable, Erasable]


def everything(_kind: EntryKind, body: bytes) -> bytes:
    """An edit that takes nothing away."""
    return body


class Stores(RuleBasedStateMachine):
    """A SQLite and an S3 store side by side; the bucket of the latter fails all the time."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.path = Path(self.folder) / "state"
        self.bucket = StrictS3()
        self.earlier: list[Pair] = []
        self.sending: list[int] = []
        self.now = NOON
        self.horizon: int | None = None

    @initialize(seed=st.integers(0, 2**32), rate=st.sampled_from([0.0, 0.1, 0.4]))
    def begin(self, seed: int, rate: float) -> None:
        random = Random(seed)

        def faults(_operation: S3Operation, _key: str) -> S3Fault | None:
            return random.choice(_FAULTS) if random.random() < rate else None

        self.bucket.faults = faults
        self.upkeep = MaintenanceSchedule(random.randrange(2, 5), 1 << 40, random.randrange(1, 4))
        self.stores = self.opened()
        assert self.same(lambda store: store.acquire(STREAM)) == Delta()

    def teardown(self) -> None:
        for store in (one for pair in (self.stores, *self.earlier) for one in pair):
            store.close()
        shutil.rmtree(self.folder)

    def opened(self) -> Pair:
        return SqliteStore(self.path), store_in(self.bucket, self.upkeep)

    def same(self, ask: Callable[[Erasable], T]) -> T:
        expected, answer = (ask(store) for store in self.stores)
        assert answer == expected
        return answer

    @rule(
        delta=deltas,
        new_entries=st.lists(st.integers(0, 9).map(draft), max_size=3),
        away=st.lists(st.integers(0, 4), max_size=3, unique=True),
        passed=st.integers(0, 5),
        kept=st.none() | st.integers(0, 12),
    )
    def append(
        self,
        delta: Delta,
        new_entries: list[NewEntry],
        away: list[int],
        passed: int,
        kept: int | None,
    ) -> None:
        self.now += passed
        sessions = [evicted(n, self.now, passed) for n in away]
        # however long it is, what is forgotten once isn't kept again
        if kept is not None:
            self.horizon = max(self.horizon or 0, self.now - kept)
        made = commit(delta, new_entries, sessions, self.horizon)
        self.same(lambda store: store.append(made))

    @rule(most=st.integers(1, 4), kind=st.sampled_from(KINDS))
    def claim(self, most: int, kind: EntryKind) -> None:
        self.sending += [one.id for one in self.same(lambda store: store.claim(kind, most))]

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        chosen = data.draw(
            st.lists(st.sampled_from(self.sending), max_size=3, unique=True)
            if self.sending
            else st.just([])
        )
        outcomes = [data.draw(st.sampled_from(DeliveryOutcome)) for _ in chosen]
        settled = [
            Settled(
                id_,
                outcome,
                _INSTEAD if outcome is DeliveryOutcome.INVALID else (),
                note_on(id_) if outcome.is_final else None,
            )
            for id_, outcome in zip(chosen, outcomes, strict=True)
        ]
        self.same(lambda store: store.settle(settled))
        self.sending = [id_ for id_ in self.sending if id_ not in chosen]

    @rule()
    def compact(self) -> None:
        self.same(lambda store: store.compact())

    @rule(cut=st.sampled_from([without_threes, everything]))
    def erase(self, cut: Edit) -> None:
        self.same(lambda store: store.erase(CALL, cut))

    @rule()
    def another_owner(self) -> None:
        self.earlier.append(self.stores)
        self.stores = self.opened()
        self.same(lambda store: store.acquire(STREAM))
        self.sending = []

    @precondition(lambda self: self.earlier)
    @rule(write=st.integers(0, 3), data=st.data())
    def an_earlier_ownerwrites(self, write: int, data: st.DataObject) -> None:
        for store in data.draw(st.sampled_from(self.earlier)):
            with pytest.raises(Fenced):
                writes(store)[write]()

    @rule()
    def a_worker_of_another_stream_comes(self) -> None:
        for store in self.opened():
            with pytest.raises(StreamReplaced):
                store.acquire("calls, created 2026-10-09T08:00:00.000Z")
            store.close()

    @rule()
    def hand_over_and_back(self) -> None:
        self.same(lambda store: store.hand_over(MOVED))
        for store in self.opened():
            with pytest.raises(StreamReplaced, match=MOVED):
                store.acquire(STREAM)
            store.close()
        self.same(lambda store: store.hand_over(STREAM))

    @invariant()
    def the_same_waits_to_be_sent(self) -> None:
        # each store counts bytes as it keeps them
        self.same(lambda store: store.backlog()._replace(size=0))
        self.same(lambda store: store.waiting_kinds())

    @invariant()
    def the_ledger_is_the_same(self) -> None:
        ours, theirs = ledger_in(self.bucket), notes_since(self.path, 0)
        assert sorted(ours, key=_by_entry) == theirs

    @invariant()
    def the_same_closed_sessions_are_kept(self) -> None:
        self.same(lambda store: store.load_sessions([key(n) for n in range(6)]))

    @invariant()
    def all_that_is_needed_is_there(self) -> None:
        assert set(needed_in(self.bucket)) <= set(self.bucket.objects)


def _by_entry(note: Note) -> int:
    return note.entry


Stores.TestCase.settings = settings(max_examples=30, stateful_step_count=30)
TestStores = Stores.TestCase
