"""Looking into a state file from outside, while its owner is at work."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.state.commits import (
    NOON,
    STREAM,
    bulky,
    change,
    commit,
    draft,
    evicted,
    execute,
    key,
    taken,
)
from worker.destinations.cloudwatch.requests import DATUMS
from worker.errors import BadInput, CorruptState, Misconfigured
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import Delta
from worker.sessions.state import Session
from worker.state.sqlite.view import (
    Folded,
    Peek,
    SqliteView,
    committed,
    find_sessions,
    folded,
    notes_since,
    peek,
    taken_by,
    waiting_notes,
)
from worker.state.view import WaitingEntries


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def revisions(found: list[EvictedSession]) -> list[tuple[str, int]]:
    return sorted((one.state.key.session_id, one.state.revision) for one in found)


def test_a_glance_counts_closed_sessions_and_what_waits(path: Path) -> None:
    assert peek(path) == Peek(0, 0)
    with closing(taken(path)) as store:
        store.append(commit(new_entries=[draft(1), draft(2)], away=[evicted(1)]))
        store.claim("metrics", 1)
        assert peek(path) == Peek(1, 2)
    assert peek(path) == Peek(1, 2)


def test_a_glance_at_a_file_that_is_just_being_made_sees_nothing(path: Path) -> None:
    path.touch()
    assert peek(path) == Peek(0, 0)


def test_how_far_a_worker_has_come_is_what_it_has_committed(path: Path) -> None:
    assert folded(path) == Folded(0, 0)
    path.touch()
    assert folded(path) == Folded(0, 0)
    with closing(taken(path)) as store:
        store.append(commit(Delta(sessions=[change(1), change(2)], counters={"occurrences": 5})))
        store.append(commit(Delta(counters={"occurrences": 2}), away=[evicted(4)]))
        assert folded(path) == Folded(7, 2)


def test_sessions_are_found_open_or_closed_by_session_or_by_call(path: Path) -> None:
    with closing(taken(path)) as store:
        store.append(commit(Delta(sessions=[change(1), change(2)]), away=[evicted(4), evicted(5)]))
        assert revisions(find_sessions(path, "VX1")) == [("VX1", 0)]
        assert revisions(find_sessions(path, "VX4")) == [("VX4", 1)]
        assert revisions(find_sessions(path, "CA1")) == [("VX1", 0), ("VX4", 1)]
        assert find_sessions(path, "VX9") == []
        everyone = [("VX1", 0), ("VX2", 0), ("VX4", 1), ("VX5", 1)]
        assert revisions(find_sessions(path, None)) == everyone


def test_closed_sessions_are_found_without_the_open_ones(path: Path) -> None:
    with closing(taken(path)) as store:
        store.append(commit(Delta(sessions=[change(1), change(2)]), away=[evicted(4), evicted(5)]))
        view = SqliteView(path)
        assert revisions(view.find_closed_sessions("VX4")) == [("VX4", 1)]
        assert revisions(view.find_closed_sessions("CA1")) == [("VX4", 1)]
        assert view.find_closed_sessions("VX1") == []


def test_a_sessions_log_is_found_whole_over_commits_and_compactions(path: Path) -> None:
    with closing(taken(path)) as store:
        store.append(commit(Delta(sessions=[change(1, b"one ")])))
        store.append(commit(bulky(9)))
        store.compact()
        store.append(commit(Delta(sessions=[change(1, b"two", 2)])))
        (found,) = find_sessions(path, "VX1")
    assert found == EvictedSession(Session(key(1), found.state.base, 2), b"one two")


def test_a_session_that_a_late_event_brought_back_is_found_once_as_it_now_is(path: Path) -> None:
    with closing(taken(path)) as store:
        store.append(commit(Delta(sessions=[change(1)])))
        store.append(commit(Delta(removed=[1]), away=[evicted(1)]))
        assert revisions(find_sessions(path, "VX1")) == [("VX1", 1)]
        back = change(1)
        back.state.revision = 2
        store.append(commit(Delta(removed=[1], sessions=[back])))
        assert revisions(find_sessions(path, "VX1")) == [("VX1", 2)]


def test_a_state_can_be_read_while_its_owner_writes(path: Path) -> None:
    """By a write-ahead log: else whoever looks would hold up commits, and the other way round."""
    with closing(taken(path)):
        assert execute(path, "PRAGMA journal_mode") == [("wal",)]


def test_looking_changes_nothing_and_hinders_nobody(path: Path) -> None:
    with closing(taken(path)) as store:
        store.append(commit(Delta(counters={"n": 1}), away=[evicted(1)]))
        find_sessions(path, "VX1")
        peek(path)
        store.append(commit(Delta(counters={"n": 1})))  # still the owner
        assert execute(path, "SELECT count(*) FROM deltas") == [(2,)]


@pytest.mark.parametrize(
    "look",
    [
        lambda path: find_sessions(path, "VX1"),
        lambda path: notes_since(path, 0),
        lambda path: waiting_notes(path, {"metrics": DATUMS}),
        taken_by,
        committed,
    ],
)
def test_a_file_that_is_no_state_file_is_named(path: Path, look: Callable[[Path], object]) -> None:
    path.write_bytes(b"no database, but text that is long enough\n" * 99)
    with pytest.raises(Misconfigured, match=path.name):
        look(path)


def test_a_state_that_nobody_has_open_is_read_without_a_file_beside_it(path: Path) -> None:
    with closing(taken(path)) as store:
        store.append(commit(away=[evicted(1)]))
    path.parent.chmod(0o500)
    try:
        assert revisions(find_sessions(path, "VX1")) == [("VX1", 1)]
    finally:
        path.parent.chmod(0o700)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_the_contents_are_those_of_all_commits_and_tables(path: Path) -> None:
    with closing(taken(path)) as store:
        store.append(commit(Delta(sessions=[change(1)], counters={"n": 1}), [draft(1)]))
        store.append(commit(Delta(counters={"n": 2}), [draft(22)], away=[evicted(4), evicted(5)]))
        store.claim("metrics", 1)
        found = SqliteView(path).contents()
    assert (found.stream, found.epoch, found.commits) == (STREAM, 1, 2)
    assert (found.whole.counters, len(found.whole.sessions)) == ({"n": 3}, 1)
    assert found.closed_sessions == 2
    assert found.waiting == [WaitingEntries("metrics", 2, len(b"request 1request 22"), NOON)]
    assert found.is_whole


def test_there_is_nothing_to_see_where_nothing_was_ever_kept(path: Path) -> None:
    path.touch()
    with pytest.raises(BadInput, match="no state"):
        SqliteView(path).contents()


def test_a_damaged_commit_or_closed_session_is_corrupt_state(path: Path) -> None:
    with closing(taken(path)) as store:
        store.append(commit(Delta(counters={"n": 1}), away=[evicted(1)]))
    execute(path, "UPDATE closed_sessions SET data = x'00'")
    with pytest.raises(CorruptState, match="VX1"):
        find_sessions(path, "VX1")
    execute(path, "UPDATE deltas SET data = x'00'")
    with pytest.raises(CorruptState, match="commit 1 "):
        find_sessions(path, "VX9")
