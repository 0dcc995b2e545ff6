"""The SQLite store: commits whole and in order, for one owner only, and nothing read wrongly."""

from __future__ import annotations

import shutil
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.state.commits import (
    KINDS,
    NOON,
    STREAM,
    bulky,
    commit,
    commit_rows,
    deltas,
    draft,
    evicted,
    execute,
    key,
    note_on,
    state_in,
    state_of,
    taken,
    writes,
)
from worker.errors import Fenced, StreamReplaced
from worker.events.event import SessionKey
from worker.outbox.entries import DeliveryOutcome, Entry, EntryKind, NewEntry, Settled
from worker.outbox.ledger import Note
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import Delta
from worker.state.sqlite.store import SqliteStore
from worker.state.sqlite.view import notes_since
from worker.state.store import Backlog


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


# --- what was committed is what comes back


@settings(max_examples=12)
@given(st.lists(deltas, max_size=6), st.integers(0, 6))
def test_what_is_taken_is_the_merge_of_all_commits_so_far(made: list[Delta], middle: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite"
        for part in (made[:middle], made[middle:]):  # by two owners, one after the other
            with closing(taken(path)) as store:
                for delta in part:
                    store.append(commit(delta))
        assert state_in(path) == state_of(made)


def test_what_has_gone_leaves_nothing_behind(path: Path) -> None:
    with closing(taken(path)) as store:
        store.append(commit(bulky(1)))
        store.append(commit(Delta(removed=[1], ended_shards=["s-0"])))
        store.compact()
    assert commit_rows(path) == 1
    assert state_in(path) == Delta()


class Outbox(RuleBasedStateMachine):
    """A store against a model of it: outbox, closed sessions, and who owns it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.path = Path(self.folder) / "state.sqlite"
        self.store = taken(self.path)
        self.earlier: list[SqliteStore] = []
        self.entries: dict[int, Entry] = {}
        self.sending: list[int] = []
        self.away: dict[SessionKey, EvictedSession] = {}
        self.deltas: list[Delta] = []
        self.notes: list[Note] = []
        self.next_id = 1

    def teardown(self) -> None:
        for store in (self.store, *self.earlier):
            store.close()
        shutil.rmtree(self.folder)

    def enqueue(self, new_entries: list[NewEntry]) -> None:
        for one in new_entries:
            self.entries[self.next_id] = Entry(
                self.next_id, one.kind, one.body, one.created_at, 0, one.ambiguous
            )
            self.next_id += 1

    @rule(
        delta=deltas,
        new_entries=st.lists(st.integers(0, 9).map(draft), max_size=3),
        away=st.lists(st.builds(evicted, st.integers(0, 4), st.integers(0, 9)), max_size=2),
        forget_before=st.none() | st.integers(0, 9),
    )
    def append(
        self,
        delta: Delta,
        new_entries: list[NewEntry],
        away: list[EvictedSession],
        forget_before: int | None,
    ) -> None:
        self.store.append(commit(delta, new_entries, away, forget_before))
        self.deltas.append(delta)
        self.enqueue(new_entries)
        self.away.update((one.state.key, one) for one in away)
        for one in list(self.away.values()):
            closed = one.state.closed
            if forget_before is not None and closed is not None and closed.at < forget_before:
                del self.away[one.state.key]

    @rule(most=st.integers(1, 3), kind=st.sampled_from(KINDS))
    def claim(self, most: int, kind: EntryKind) -> None:
        waiting = (one for id_, one in self.entries.items() if id_ not in self.sending)
        pending = [one for one in waiting if one.kind == kind][:most]
        assert self.store.claim(kind, most) == pending
        for one in pending:
            self.entries[one.id] = one._replace(attempts=one.attempts + 1)
            self.sending.append(one.id)

    @precondition(lambda self: self.sending)
    @rule(outcome=st.sampled_from(DeliveryOutcome), data=st.data())
    def settle(self, outcome: DeliveryOutcome, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(self.sending))
        parts = (draft(20)._replace(ambiguous=2), NewEntry("dead_letters", b"bad\n", NOON))
        instead = parts if outcome is DeliveryOutcome.INVALID else ()
        note = note_on(id_) if outcome.is_final else None
        self.store.settle([Settled(id_, outcome, instead, note)])
        self.notes += [note] if note is not None else []
        self.sending.remove(id_)
        entry = self.entries.pop(id_)
        if not outcome.is_final:
            more = outcome is DeliveryOutcome.AMBIGUOUS
            self.entries[id_] = entry._replace(ambiguous=entry.ambiguous + more)
            self.entries = dict(sorted(self.entries.items()))
        self.enqueue(list(instead))

    @rule()
    def another_owner(self) -> None:
        self.earlier.append(self.store)
        self.store = SqliteStore(self.path)
        assert self.store.acquire(STREAM) == state_of(self.deltas)
        for id_ in self.sending:
            entry = self.entries[id_]
            self.entries[id_] = entry._replace(ambiguous=entry.ambiguous + 1)
        self.sending = []

    @precondition(lambda self: self.earlier)
    @rule(write=st.integers(0, 3), data=st.data())
    def an_earlier_ownerwrites(self, write: int, data: st.DataObject) -> None:
        store = data.draw(st.sampled_from(self.earlier))
        with pytest.raises(Fenced):
            writes(store)[write]()

    @invariant()
    def the_backlog_counts_entries_and_unknown_outcomes(self) -> None:
        waiting = self.entries.values()
        size, ambiguous = (
            sum(len(one.body) for one in waiting),
            sum(one.ambiguous for one in waiting),
        )
        oldest = min((one.created_at for one in waiting), default=None)
        assert self.store.backlog() == Backlog(len(self.entries), size, ambiguous, oldest)

    @invariant()
    def all_notes_are_kept(self) -> None:
        assert notes_since(self.path, 0) == sorted(self.notes, key=lambda one: one.entry)

    @invariant()
    def closed_sessions_come_back_as_they_went_until_forgotten(self) -> None:
        assert self.store.load_sessions([key(n) for n in range(5)]) == self.away


Outbox.TestCase.settings = settings(max_examples=8, stateful_step_count=25)
TestOutbox = Outbox.TestCase


# --- one owner


def test_taking_raises_the_epoch_and_fences_every_earlier_owner(path: Path) -> None:
    with closing(taken(path)) as first, closing(taken(path)) as second:
        ((epoch,),) = execute(path, "SELECT value FROM meta WHERE name = 'epoch'")
        assert epoch == 2
        for write in writes(first):
            with pytest.raises(Fenced, match="epoch 2"):
                write()
        second.append(commit(Delta(counters={"cut": 3})))
    assert state_in(path) == Delta(counters={"cut": 3})


def test_a_fenced_owner_compacts_nothing(path: Path) -> None:
    with closing(taken(path)) as first:
        first.append(commit(bulky(1)))
        first.append(commit(bulky(2)))
        with closing(taken(path)), pytest.raises(Fenced):
            first.compact()
    assert commit_rows(path) == 2


def test_what_was_being_sent_when_its_owner_ended_counts_as_unknown(path: Path) -> None:
    with closing(taken(path)) as store:
        store.append(commit(new_entries=[draft(1), draft(2)]))
        assert [one.id for one in store.claim("metrics", 1)] == [1]
    with closing(taken(path)) as store:
        assert store.claim("metrics", 2) == [
            Entry(1, "metrics", b"request 1", NOON, 1, 1),
            Entry(2, "metrics", b"request 2", NOON, 0, 0),
        ]


def test_the_state_of_another_stream_is_refused_and_left_alone(path: Path) -> None:
    with closing(taken(path)) as store:
        store.append(commit(Delta(counters={"events": 5})))
        with closing(SqliteStore(path)) as other, pytest.raises(StreamReplaced) as caught:
            other.acquire("calls, created 2026-10-09T08:00:00.000Z")
        assert "2026-10-01" in str(caught.value)
        assert "2026-10-09" in str(caught.value)
        store.append(commit(Delta(counters={"events": 1})))  # still the owner
    assert state_in(path) == Delta(counters={"events": 6})


# --- compaction


@settings(max_examples=3)
@given(st.lists(deltas, max_size=5), st.lists(deltas, max_size=3))
def test_compaction_changes_nothing_that_is_taken(before: list[Delta], after: list[Delta]) -> None:
    before = [*before, bulky(7)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite"
        with closing(taken(path)) as store:
            for delta in before:
                store.append(commit(delta))
            store.compact()
            assert commit_rows(path) == 1
            for delta in after:
                store.append(commit(delta))
            store.compact()  # too little has come since
            assert commit_rows(path) == 1 + len(after)
        assert state_in(path) == state_of([*before, *after])


@pytest.mark.slow
def test_commits_and_other_compactions_go_on_beside_a_compaction(path: Path) -> None:
    made = [bulky(n, 2) for n in range(12)]
    errors: list[BaseException] = []
    ended = threading.Event()

    with closing(taken(path)) as store:

        def compacting() -> None:
            try:
                while not ended.is_set():
                    store.compact()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=compacting) for _ in range(2)]
        for thread in threads:
            thread.start()
        for delta in made:
            store.append(commit(delta))
        ended.set()
        for thread in threads:
            thread.join()
        assert errors == []
    assert state_in(path) == state_of(made)
