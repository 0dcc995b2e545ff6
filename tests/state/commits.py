"""Commits to try a store with, and ways to look at it. Logs are mere bytes to a store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st

from worker.events.event import SessionKey
from worker.metrics.series import Series
from worker.outbox.entries import DeliveryOutcome, EntryKind, NewEntry, Settled
from worker.outbox.ledger import Note
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import Delta, SessionChange, merge
from worker.partition.erasure import Erasure
from worker.sessions.state import Closed, Session
from worker.state.sqlite.store import SqliteStore
from worker.state.store import Commit, Store
from worker.stream.position import Position

NOON = 1_790_942_400_000
KINDS: list[EntryKind] = ["metrics", "records", "dead_letters"]
STREAM = "calls, created 2026-10-01T08:00:00.000Z"


def key(n: int) -> SessionKey:
    return SessionKey("twilio", "AC1", f"CA{n % 3}", f"VX{n}")


def change(n: int, log: bytes = b"", count: int = 1) -> SessionChange:
    return SessionChange(n, Session(key(n), NOON, count), log)


def evicted(n: int, closed_at: int = NOON, revision: int = 1) -> EvictedSession:
    closed = Closed(5, "wrap_up", closed_at)
    return EvictedSession(Session(key(n), NOON, 5, closed=closed, revision=revision), b"log %d" % n)


def commit(
    delta: Delta | None = None,
    new_entries: Iterable[NewEntry] = (),
    away: Iterable[EvictedSession] = (),
    forget_before: int | None = None,
) -> Commit:
    return Commit(delta or Delta(), list(new_entries), list(away), forget_before)


def writes(store: Store) -> list[Callable[[], object]]:
    """All ways to write, but for taking and compacting."""
    everything = commit(Delta(counters={"events": 1}), [draft(1)], [evicted(1, 99)], 99)
    return [
        lambda: store.append(everything),
        lambda: store.claim("metrics", 3),
        lambda: store.settle([Settled(1, DeliveryOutcome.APPLIED)]),
        lambda: store.settle([]),
    ]


def draft(n: int) -> NewEntry:
    return NewEntry("metrics", b"request %d" % n, NOON)


CALL = Erasure("CA1")
"""Covers the sessions 1 and 4."""


def without_threes(kind: EntryKind, body: bytes) -> bytes:
    """An edit of metrics that takes request 3 away, and a part of request 23."""
    if kind != "metrics":
        return body
    return b"" if body == b"request 3" else body.replace(b"t 23", b"t 2")


def note_on(entry: int) -> Note:
    return Note(entry, "metrics", 1, 1 + entry % 3, ((Series("Tokens", ()), NOON, entry),))


def bulky(n: int, megabytes: float = 8.1) -> Delta:
    """A delta that takes so much room, however well it is compressed."""
    return Delta(sessions=[change(n, Random(n).randbytes(int(megabytes * 1e6)))])


def state_of(deltas: Sequence[Delta]) -> Delta:
    """What is there after these deltas. Nothing lies before them that could still go away."""
    whole = merge(deltas)
    whole.removed, whole.ended_shards = [], []
    return whole


def taken(path: Path) -> SqliteStore:
    store = SqliteStore(path)
    store.acquire(STREAM)
    return store


def state_in(path: Path) -> Delta:
    """What a new owner finds."""
    with closing(SqliteStore(path)) as store:
        return store.acquire(STREAM)


def execute(path: Path, statement: str, *values: Any) -> list[Any]:
    with closing(sqlite3.connect(path)) as db, db:
        return db.execute(statement, values).fetchall()


def commit_rows(path: Path) -> int:
    ((rows,),) = execute(path, "SELECT count(*) FROM deltas")
    return int(rows)


_few = st.integers(0, 4)
_shards = st.sampled_from(["s-0", "s-1", "s-2"])
changes = st.builds(change, _few, st.binary(max_size=20), st.integers(1, 9))
deltas = st.builds(
    Delta,
    stream_time=st.none() | st.integers(NOON, NOON + 99),
    ended_shards=st.lists(_shards, max_size=1),
    clocks=st.dictionaries(_shards, st.integers(NOON, NOON + 99), max_size=2),
    positions=st.dictionaries(
        _shards,
        st.builds(Position, st.just("after"), st.text(max_size=5), st.integers(0, 9)),
        max_size=2,
    ),
    removed=st.lists(_few, max_size=2, unique=True),
    sessions=st.lists(changes, max_size=3, unique_by=lambda one: one.number),
    series=st.lists(
        st.builds(lambda name: Series(name, (("Language", "en"),)), st.text(max_size=3)),
        max_size=1,
    ),
    counters=st.dictionaries(st.sampled_from(["events", "cut"]), st.integers(0, 2**40), max_size=2),
)
