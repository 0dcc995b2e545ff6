"""What was erased is nowhere in the place that a state is kept in, and all else is as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.state.commits import STREAM, commit
from tests.state.s3.buckets import EAGER, segments_in, store_in
from worker.events.event import SessionKey
from worker.outbox.entries import NewEntry
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import Delta, SessionChange
from worker.partition.erasure import Erasure
from worker.sessions.state import Closed, Session
from worker.state.sqlite.store import Compaction, SqliteStore
from worker.state.store import Erasable
from worker.testing.strict_s3 import StrictS3

NOON = 1_790_942_400_000
CALLS = [f"CA{n:032x}" for n in range(3)]
MARKS = [f"said in call {n}, and nowhere else".encode() for n in range(3)]
"""What only the logs and requests of each call hold."""


def key(call: int, session: int) -> SessionKey:
    return SessionKey("twilio", "AC1", CALLS[call], f"VX{call}{session:030x}")


def change(call: int, number: int) -> SessionChange:
    return SessionChange(number, Session(key(call, number), NOON, 1), MARKS[call])


def closed(call: int, session: int) -> EvictedSession:
    state = Session(key(call, session), NOON, 5, closed=Closed(5, "wrap_up", NOON), revision=1)
    return EvictedSession(state, MARKS[call])


def line(call: int) -> bytes:
    return b"%s %s\n" % (CALLS[call].encode(), MARKS[call])


def without(call: int) -> Callable[[str, bytes], bytes]:
    def edit(_kind: str, body: bytes) -> bytes:
        return body.replace(line(call), b"")

    return edit


def filled(store: Erasable, compacted: Iterable[int]) -> None:
    """Three calls in everything that a store keeps, with compaction after some of the commits."""
    store.acquire(STREAM)
    new_entries = [NewEntry("records", line(0) + line(1), NOON), NewEntry("records", line(1), NOON)]
    commits = [
        commit(Delta(sessions=[change(n, n + 1) for n in range(3)])),
        commit(Delta(sessions=[change(1, 2)]), new_entries),
        commit(Delta(), [], [closed(n, 7) for n in range(3)]),
        commit(
            Delta(removed=[1]), [NewEntry("records", line(2), NOON)], [closed(1, 8), closed(0, 1)]
        ),
        commit(Delta(), [], [closed(1, 7), closed(2, 7)]),
    ]
    for n, one in enumerate(commits):
        store.append(one)
        if n in compacted:
            store.compact()


def seen(store: Erasable) -> tuple[Delta, object, object]:
    state = store.acquire(STREAM)
    keys = [key(call, session) for call in range(3) for session in (1, 2, 3, 7, 8)]
    outbox = [(one.kind, one.body) for one in store.claim("records", 99)]
    return state, outbox, store.load_sessions(keys)


def expected(call: int) -> tuple[object, ...]:
    """What there is in a store without ``call``."""
    bodies = [without(call)("records", body) for body in (line(0) + line(1), line(1), line(2))]
    kept = {
        one.state.key: one
        for one in [*(closed(n, 7) for n in range(3)), closed(1, 8), closed(0, 1)]
        if one.state.key.call_sid != CALLS[call]
    }
    return [("records", body) for body in bodies if body], kept


compactions = st.sets(st.integers(0, 4))


@given(st.integers(0, 2), compactions)
def test_a_bucket_has_nothing_of_an_erased_call_and_all_of_the_others(
    call: int, compacted: set[int]
) -> None:
    bucket = StrictS3()
    store = store_in(bucket, EAGER)
    filled(store, compacted)
    report = store.erase(Erasure(CALLS[call]), without(call))
    assert report.cleared
    assert report.resident + report.closed >= 2
    state, *rest = seen(store_in(bucket))
    assert tuple(rest) == expected(call)
    assert all(one.state.key.call_sid != CALLS[call] for one in state.sessions)
    assert state.erased == [Erasure(CALLS[call]).digest]
    for name in segments_in(bucket):
        resident = b"".join(_plain(bucket.objects[name]))
        assert MARKS[call] not in resident
        assert CALLS[call].encode() not in resident


@given(st.integers(0, 2), compactions)
def test_a_file_has_nothing_of_an_erased_call_and_all_of_the_others(
    tmp_path_factory: pytest.TempPathFactory, call: int, compacted: set[int]
) -> None:
    path = tmp_path_factory.mktemp("erased") / "state"
    with closing(SqliteStore(path, Compaction(2, 1 << 40))) as store:
        filled(store, compacted)
        assert CALLS[call].encode() in _files(path)
        report = store.erase(Erasure(CALLS[call]), without(call))
        assert report.cleared
        assert CALLS[call].encode() not in _files(path)
        assert MARKS[call] not in _files(path)
    with closing(SqliteStore(path)) as store:
        state, *rest = seen(store)
    assert tuple(rest) == expected(call)
    assert all(one.state.key.call_sid != CALLS[call] for one in state.sessions)


def test_erasing_again_finds_nothing_and_changes_nothing() -> None:
    bucket = StrictS3()
    store = store_in(bucket)
    filled(store, ())
    store.erase(Erasure(CALLS[1]), without(1))
    once = seen(store_in(bucket))
    again = store_in(bucket)
    again.acquire(STREAM)
    assert again.erase(Erasure(CALLS[1]), without(1)) == (0, 0, 0, 0, True)
    assert seen(store_in(bucket)) == once


def test_what_a_session_that_is_not_there_leaves_is_its_digest(tmp_path: Path) -> None:
    for store in (SqliteStore(tmp_path / "state"), store_in(StrictS3())):
        store.acquire(STREAM)
        assert store.erase(Erasure("VX-never-met"), without(0)) == (0, 0, 0, 0, True)
        assert store.acquire(STREAM) == Delta(erased=[Erasure("VX-never-met").digest])


def test_a_request_that_may_have_been_sent_is_reported() -> None:
    store = store_in(StrictS3())
    filled(store, ())
    store.claim("records", 1)
    store.acquire(STREAM)
    report = store.erase(Erasure(CALLS[1]), without(1))
    assert (report.requests, report.maybe_sent) == (2, 1)


def _files(path: Path) -> bytes:
    """All bytes beside a state file, and what is compressed in them."""
    data = b"".join(one.read_bytes() for one in path.parent.iterdir())
    return data + b"".join(_plain(data))


def _plain(data: bytes) -> Iterable[bytes]:
    """Whatever is compressed in some bytes, wherever it begins."""
    yield data
    at = data.find(_MAGIC)
    while at >= 0:
        with suppress(zstandard.ZstdError):
            yield zstandard.ZstdDecompressor().decompressobj().decompress(data[at:])
        at = data.find(_MAGIC, at + 1)


_MAGIC = b"\x28\xb5\x2f\xfd"
