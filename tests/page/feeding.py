"""A live page that is fed with what a worker publishes of simulated calls, commit by commit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.telemetry.progresses import progress
from worker.page.live import LivePage
from worker.page.recent import RecentBounds
from worker.partition.commit_outputs import Outputs
from worker.partition.rules import Rules
from worker.replay import LiveReplay
from worker.service.letter_news import letter_news
from worker.service.ports import Clocks, WorkerStatus
from worker.service.shards import ShardProgress
from worker.sessions.schema import SessionRecord
from worker.state.store import Backlog
from worker.stream.record import Record
from worker.telemetry.collector import TelemetryCollector
from worker.telemetry.http import HttpServer
from worker.telemetry.page import TEXT, Page
from worker.times.minutes import MINUTE

HOUR: Final = 60 * MINUTE
USUAL: Final = Rules()
BOUNDS: Final = RecentBounds(6 * HOUR, 5_000)


def commits_of(records: Iterable[Record], rules: Rules = USUAL) -> Iterator[WorkerStatus]:
    """What a worker says at its commits, one for each record that made any output."""
    made: list[Outputs] = []
    replay = LiveReplay(rules, made.append)
    for record in records:
        replay.feed(record)
        for outputs in made:
            yield _status(outputs, record.arrival, replay.counters)
        made.clear()
    replay.finish()
    for outputs in made:
        yield _status(outputs, record.arrival, replay.counters)


def _status(outputs: Outputs, now: int, counters: Counter[str]) -> WorkerStatus:
    return progress(
        stream_time=now,
        backlog=Backlog(2, 3_400, 0, now + 900),
        backpressure=0,
        shards={
            f"shardId-{n:012}": ShardProgress(400 * n, now + 700 * n, paused=False)
            for n in range(4)
        },
        state_size=812_000,
        commit_s=0.004,
        sessions=max(0, counters["sessions_opened"] - counters["sessions_closed"]),
        counters=dict(counters),
        window=outputs.window,
        waits=outputs.waits,
        records=outputs.records,
        letters=letter_news(outputs.dead_letters, outputs.quarantined),
    )


class FedPage:
    """A live page and the telemetry beside it, by a clock that stands where commits put it."""

    def __init__(
        self,
        find_records: Callable[[str], list[SessionRecord] | None] = lambda _sid: [],
        bounds: RecentBounds = BOUNDS,
    ) -> None:
        self.now = 0
        clocks = Clocks(lambda: 0.0, lambda: self.now)
        self.telemetry = TelemetryCollector(clocks.now, lambda: 0, lambda _reading, _at: None)
        self.page = LivePage(clocks, bounds, Rules(), self.telemetry.snapshot, find_records)

    def feed(self, commits: Iterable[WorkerStatus]) -> None:
        """Commit by commit, each of which is folded before the next one."""
        for status in commits:
            self.now = (status.stream_time or self.now) + 1500
            self.telemetry.progress(status)
            self.page.progress(status)
            self.data("sessions.json", after=str(1 << 40))

    def data(self, name: str, **query: str) -> Any:
        """The JSON that the page answers."""
        answer = self.page.answer(f"/page/data/{name}", query)
        assert answer.status == 200, answer.text
        return json.loads(answer.encoded)


@contextmanager
def served(page: LivePage) -> Iterator[str]:
    """The address of the page, served as the worker serves it."""
    server = HttpServer(lambda _path, _accept: Page(404, TEXT, ""), "127.0.0.1", 0, page.answer)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}/page"
    finally:
        server.stop(2.0)
