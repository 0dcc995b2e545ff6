"""A state file that isn't whole, isn't ours or has gone is refused before a byte is written."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.state.commits import (
    STREAM,
    bulky,
    commit,
    commit_rows,
    draft,
    evicted,
    execute,
    state_in,
    taken,
)
from worker.errors import CorruptState, Misconfigured, VoiceInsightsError
from worker.partition.delta import Delta
from worker.state.sqlite.file import require_writable
from worker.state.sqlite.store import SqliteStore
from worker.state.sqlite.view import find_sessions


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def copied(path: Path, *suffixes: str) -> Path:
    """The files of a state with these suffixes, elsewhere."""
    folder = path.parent / "elsewhere"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for suffix in suffixes:
        shutil.copy(f"{path}{suffix}", folder / f"{path.name}{suffix}")
    return folder / path.name


def refused(path: Path) -> VoiceInsightsError:
    """What a store says to a path, at which nothing is changed by that."""
    before = {one.name: one.read_bytes() for one in path.parent.iterdir() if one.is_file()}
    with pytest.raises(VoiceInsightsError) as caught:
        SqliteStore(path).acquire(STREAM)
    now = {one.name: one.read_bytes() for one in path.parent.iterdir() if one.is_file()}
    assert now == before
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("commits", [0, 1, 9])
@pytest.mark.parametrize("megabytes", [0.001, 3.0])
def test_a_copy_without_the_wal_is_refused_whenever_it_was_made(
    path: Path, commits: int, megabytes: float
) -> None:
    with closing(taken(path)) as store:
        for n in range(commits):
            store.append(commit(bulky(n, megabytes)))
        copy = copied(path, "")
        error = refused(copy)
        assert isinstance(error, CorruptState)
        assert f"{copy}-wal" in str(error)
        assert "voice-insights state copy" in str(error)
        whole = copied(path, "", "-wal")
        assert len(state_in(whole).sessions) == commits


def test_a_file_that_was_closed_in_good_order_is_whole_by_itself(path: Path) -> None:
    for n in range(3):
        with closing(taken(path)) as store:
            store.append(commit(Delta(counters={"n": n})))
    assert state_in(copied(path, "")) == Delta(counters={"n": 3})


def test_a_file_that_a_person_has_closed_after_a_crash_is_whole(path: Path) -> None:
    store = taken(path)
    store.append(commit(Delta(counters={"n": 1})))
    crashed = copied(path, "", "-wal")
    store.close()
    assert execute(crashed, "SELECT count(*) FROM deltas") == [(1,)]  # SQLite empties the -wal
    assert not Path(f"{crashed}-wal").exists()
    assert state_in(crashed) == Delta(counters={"n": 1})


def test_a_reader_of_what_lost_its_wal_sees_what_is_left(path: Path) -> None:
    with closing(taken(path)) as store:
        store.append(commit(away=[evicted(1)]))
        store.append(commit(bulky(1)))  # so much that all is taken over into the main file
        store.append(commit(away=[evicted(2)]))
        copy = copied(path, "")
    assert [one.state.key.session_id for one in find_sessions(copy, "VX1")] == ["VX1"]
    assert find_sessions(copy, "VX2") == []


def _emptied(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (_emptied, CorruptState, "has no tables"),
        (lambda path: execute(path, "CREATE TABLE notes (n)"), Misconfigured, "another program"),
        (lambda path: execute(path, "CREATE TABLE outbox (n)"), Misconfigured, "another program"),
        (
            lambda path: path.write_text("a letter to a friend"),
            Misconfigured,
            "neither a state file",
        ),
        (lambda path: path.write_bytes(b"SQLite format 3\0"), VoiceInsightsError, ""),
    ],
)
def test_what_is_no_state_of_ours_is_refused_and_left_alone(
    path: Path, make: Callable[[Path], object], error: type[VoiceInsightsError], told: str
) -> None:
    make(path)
    found = refused(path)
    assert isinstance(found, error)
    assert told in str(found)
    assert str(path) in str(found)


@pytest.mark.parametrize("table", ["deltas", "outbox", "closed_sessions", "ledger", "meta"])
def test_a_state_that_has_lost_a_table_is_corrupt(path: Path, table: str) -> None:
    taken(path).close()
    execute(path, f"DROP TABLE {table}")
    found = refused(path)
    assert isinstance(found, CorruptState)
    assert table in str(found)


def test_an_empty_file_is_a_state_that_has_yet_to_begin(path: Path) -> None:
    path.touch()
    assert state_in(path) == Delta()


def test_a_state_is_its_owners_to_read_only(path: Path) -> None:
    before = os.umask(0o022)
    try:
        with closing(taken(path)):
            found = {one.name: one.stat().st_mode & 0o777 for one in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert found == {f"{path.name}{suffix}": 0o600 for suffix in ("", "-wal", "-shm")}


def test_where_nothing_can_be_written_there_is_no_state(path: Path) -> None:
    if os.access("/proc/self/status", os.W_OK):
        pytest.skip("this system has no such place")
    with pytest.raises(Misconfigured, match="can't be written"):
        require_writable(Path("/proc/self/status"))


# --- a state that goes away under its worker


def delete(path: Path, *suffixes: str) -> None:
    for suffix in suffixes:
        Path(f"{path}{suffix}").unlink()


def replace(path: Path) -> None:
    delete(path, "", "-wal", "-shm")
    taken(path).close()


AWAY: list[Callable[[Path], object]] = [
    lambda path: delete(path, ""),
    lambda path: delete(path, "-wal"),
    lambda path: delete(path, "", "-wal", "-shm"),
    lambda path: path.rename(path.with_suffix(".old")),
    replace,
]


@pytest.mark.parametrize("away", AWAY)
def test_a_state_that_is_taken_away_is_called_that_by_whatever_comes_next(
    path: Path, away: Callable[[Path], object]
) -> None:
    calls: list[Callable[[SqliteStore], object]] = [
        lambda store: store.append(commit()),
        lambda store: store.claim("metrics", 1),
        lambda store: store.settle([]),
        lambda store: store.compact(),
    ]
    for n, call in enumerate(calls):
        place = path.parent / str(n)
        place.mkdir()
        with closing(taken(place / path.name)) as store:
            store.append(commit(new_entries=[draft(1)]))
            away(place / path.name)
            here = sorted(one.name for one in place.iterdir())
            with pytest.raises(CorruptState, match="deleted, moved or replaced"):
                call(store)
            assert sorted(one.name for one in place.iterdir()) == here


def test_what_is_taken_over_by_a_checkpoint_is_as_it_was_committed(path: Path) -> None:
    with closing(taken(path)) as store:
        for n in range(8):
            store.append(commit(bulky(n, 1.5)))
        assert commit_rows(path) == 8
        size = Path(f"{path}-wal").stat().st_size
    assert size < 12_000_000
    assert len(state_in(path).sessions) == 8
