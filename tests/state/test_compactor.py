"""The compactor: compacts repeatedly, keeps the error that ended it, and ends when asked to."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from tests.state.commits import STREAM, bulky, commit, commit_rows, state_of, taken
from worker.errors import Fenced
from worker.state.compactor import Compactor
from worker.state.sqlite.store import SqliteStore

SOON_S = 0.001
LATER_S = 3_600.0
LONG_S = 60.0


class Watched(SqliteStore):
    """A store that tells when it has been compacted so many times."""

    def __init__(self, path: Path, times: int) -> None:
        super().__init__(path)
        self.left = times
        self.done = Event()

    def compact(self) -> None:
        try:
            super().compact()
        finally:
            self.left -= 1
            if self.left <= 0:
                self.done.set()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def test_it_compacts_again_and_again_until_stopped(path: Path) -> None:
    with closing(Watched(path, 3)) as store:
        store.acquire(STREAM)
        store.append(commit(bulky(1)))
        store.append(commit(bulky(2)))
        compactor = Compactor(store, SOON_S)
        compactor.start()
        assert store.done.wait(LONG_S)
        compactor.stop(LONG_S)
        assert compactor.error is None
    assert commit_rows(path) == 1
    with closing(SqliteStore(path)) as store:
        same = store.acquire(STREAM) == state_of([bulky(1), bulky(2)])
    assert same


def test_the_error_that_ends_it_is_kept(path: Path) -> None:
    with closing(Watched(path, 1)) as store:
        store.acquire(STREAM)
        store.append(commit(bulky(1)))
        taken(path).close()
        compactor = Compactor(store, SOON_S)
        compactor.start()
        assert store.done.wait(LONG_S)
        compactor.stop(LONG_S)
        assert isinstance(compactor.error, Fenced)


def test_it_waits_for_no_interval_to_pass_at_its_start_nor_to_stop(path: Path) -> None:
    with closing(Watched(path, 1)) as store:
        store.acquire(STREAM)
        store.append(commit(bulky(1)))
        store.append(commit(bulky(2)))
        compactor = Compactor(store, LATER_S)
        compactor.start()
        assert store.done.wait(LONG_S)
        compactor.stop(LATER_S)
        assert store.left == 0
        assert compactor.error is None
    assert commit_rows(path) == 1
