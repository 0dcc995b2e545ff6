"""A copy of a state file is all of it, of one moment, in one file."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from tests.state.commits import bulky, commit, draft, evicted, state_in, state_of, taken
from worker.errors import BadInput, CorruptState, Misconfigured
from worker.partition.delta import Delta
from worker.state.sqlite.copying import copy_file
from worker.state.sqlite.view import SqliteView, find_sessions


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "backup"
    folder.mkdir()
    return folder / "copy.sqlite"


def test_what_is_copied_while_its_owner_is_at_work_is_all_that_was_committed(
    path: Path, target: Path
) -> None:
    with closing(taken(path)) as store:
        store.append(commit(bulky(1), [draft(1)], [evicted(3)]))
        store.append(commit(Delta(counters={"n": 1})))
        copy_file(path, target, without_wal=False)
        store.append(commit(Delta(counters={"n": 1})))  # still the owner
    assert [one.name for one in target.parent.iterdir()] == [target.name]
    assert target.stat().st_mode & 0o777 == 0o600
    assert SqliteView(target).contents().waiting == SqliteView(path).contents().waiting
    assert len(find_sessions(target, "VX3")) == 1
    assert state_in(target) == state_of([bulky(1), Delta(counters={"n": 1})])


def test_a_copy_of_what_was_closed_in_good_order_is_the_same_state(
    path: Path, target: Path
) -> None:
    with closing(taken(path)) as store:
        store.append(commit(Delta(counters={"n": 1})))
    before = path.read_bytes()
    copy_file(path, target, without_wal=False)
    assert path.read_bytes() == before
    assert state_in(target) == state_in(path)


def test_what_has_lost_its_wal_is_copied_only_as_what_is_left(path: Path, target: Path) -> None:
    with closing(taken(path)) as store:
        store.append(commit(bulky(1)))
        store.append(commit(Delta(counters={"n": 1})))
        lost = path.with_name("lost.sqlite")
        shutil.copy(path, lost)
    with pytest.raises(CorruptState):
        copy_file(lost, target, without_wal=False)
    assert list(target.parent.iterdir()) == []
    assert not SqliteView(lost).contents().is_whole
    copy_file(lost, target, without_wal=True)
    assert SqliteView(target).contents().is_whole
    assert state_in(target) == state_of([bulky(1)])


def test_what_a_crash_left_on_a_mount_that_is_read_only_can_be_copied(
    path: Path, target: Path
) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    store = taken(path)
    store.append(commit(Delta(counters={"n": 1})))
    path.parent.chmod(0o500)
    try:
        copy_file(path, target, without_wal=False)
    finally:
        path.parent.chmod(0o700)
        store.close()
    assert state_in(target) == Delta(counters={"n": 1})


def test_nothing_is_written_over_and_nothing_is_made_of_nothing(path: Path, target: Path) -> None:
    with pytest.raises(BadInput, match="no state"):
        copy_file(path, target, without_wal=False)
    taken(path).close()
    target.write_text("mine")
    with pytest.raises(Misconfigured, match="there already"):
        copy_file(path, target, without_wal=False)
    assert target.read_text() == "mine"
    with pytest.raises(Misconfigured, match="no such file or folder"):
        copy_file(path, path.parent / "none" / "copy", without_wal=False)
