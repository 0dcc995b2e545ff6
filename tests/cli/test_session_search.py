"""Sessions by SID from a running worker: those in memory, and those that have left it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Thread

from tests.servicing import HOUR, Worker, scene
from worker.cli.session_search import MIN_PAUSE_S, PAUSE_FACTOR, SessionSearch
from worker.service.hooks import EventFanOut
from worker.service.queries import PartitionQueries
from worker.sessions.schema import SessionRecord
from worker.state.sqlite.view import SqliteView
from worker.state.view import StateView


class Searched:
    """A worker whose loop turns while somebody searches."""

    def __init__(self, path: Path) -> None:
        queries = PartitionQueries()
        self.worker = Worker(path, events=EventFanOut(queries))
        self.now = 0.0
        self.views = 0
        self.search_s = 0.0
        self._path = path
        self._search = SessionSearch(queries, self._view, lambda: self.now)

    def _view(self) -> StateView:
        self.views += 1
        self.now += self.search_s
        return SqliteView(self._path)

    def find(self, sid: str) -> list[SessionRecord] | None:
        found: list[list[SessionRecord] | None] = []
        thread = Thread(target=lambda: found.append(self._search(sid)))
        thread.start()
        while thread.is_alive():
            self.worker.turn()
        return found[0]

    def sids(self, sid: str) -> list[str] | None:
        found = self.find(sid)
        return None if found is None else [one.session_id for one in found]


def with_an_open_session(path: Path) -> tuple[Searched, str, str]:
    searched = Searched(path)
    worker = searched.worker
    worker.turn_and_commit(worker.batch("a", 0, *scene()[:4]))
    (key,) = worker.partition.resident_keys()
    return searched, key.session_id, key.call_sid


def test_a_session_in_memory_is_found_as_it_stands_before_its_commit(tmp_path: Path) -> None:
    searched, sid, call = with_an_open_session(tmp_path / "state")
    worker = searched.worker
    worker.turn(worker.batch("a", 10, scene()[4]))
    assert searched.sids(sid) == [sid]
    assert searched.sids(call) is None  # it may have a closed session, too
    searched.now += HOUR
    assert searched.sids(call) == [sid]
    found = searched.find(sid)
    assert found is not None
    assert found[0].completeness.events == 5


def test_a_session_that_has_left_memory_is_found_in_the_state(tmp_path: Path) -> None:
    searched, sid, _ = with_an_open_session(tmp_path / "state")
    worker = searched.worker
    worker.turn_and_commit(worker.batch("a", 20, *scene()[4:]))
    worker.turn_and_commit(worker.batch("a", HOUR, b""))
    worker.turn_and_commit()
    assert worker.partition.resident_keys() == []
    assert searched.sids(sid) == [sid]


def test_however_often_a_wrong_sid_is_asked_for_the_state_is_searched_once_a_pause(
    tmp_path: Path,
) -> None:
    searched, sid, _ = with_an_open_session(tmp_path / "state")
    answers: list[list[str] | None] = [searched.sids(f"VX9{n}") for n in range(20)]
    assert (answers, searched.views) == ([[], *[None] * 19], 1)
    assert searched.sids(sid) == [sid]
    searched.now += MIN_PAUSE_S
    assert searched.sids("VX9") == []
    assert searched.views == 2


def test_a_long_search_is_followed_by_a_longer_pause(tmp_path: Path) -> None:
    searched, _, _ = with_an_open_session(tmp_path / "state")
    searched.search_s = 10.0
    finds: Callable[[], list[str] | None] = lambda: searched.sids("VX9")  # noqa: E731
    assert finds() == []
    searched.now += 10.0 * PAUSE_FACTOR - 0.1
    assert finds() is None
    searched.now += 0.2
    assert finds() == []
