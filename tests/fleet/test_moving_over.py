"""A worker that becomes a fleet, and a fleet that becomes a worker, amid calls: no number changes.

It takes the minutes in which leases expire.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.fleet.driving import BUCKET, NAMESPACE, Tasks
from tests.fleet.emulators import NODE_HOME, fleet_aws
from tests.fleet.trials import MOVED
from tests.live import beyond, bounds, but_for_the_close, published
from tests.processes import started
from worker.destinations.objects import DEAD_LETTERS
from worker.events.decode import decode_all
from worker.opening import Locations
from worker.state.view import StateContents, StateView

SINGLE: Final = f"s3://{BUCKET}/single"
AGAIN: Final = f"s3://{BUCKET}/again"
FLEET: Final = f"s3://{BUCKET}/state"

pytestmark = pytest.mark.slow


class Move:
    """A stream, whose work goes from one worker to a fleet, and back to one worker."""

    def __init__(self, tasks: Tasks, folder: Path) -> None:
        self.tasks = tasks
        self._folder = folder

    def view(self, state: str) -> StateView:
        return Locations(None, None).view(state)

    def contents(self, state: str) -> StateContents:
        with self.tasks.environment():
            return self.view(state).contents()

    @contextmanager
    def process(self, name: str, *arguments: object, **settings: str) -> Iterator[None]:
        """A process that is stopped in order at the end of the block."""
        env = {**self.tasks.env, **settings}
        with ExitStack() as stack:
            log = stack.enter_context((self._folder / f"{name}.log").open("wb"))
            process: subprocess.Popen[bytes] = stack.enter_context(
                started(*arguments, cwd=self._folder, env=env, stdout=log, stderr=log)
            )
            self.tasks.running[name] = process
            yield
            assert self.tasks.end(name, signal.SIGTERM) == 0, self.tasks.log(name)[-3000:]

    def worker(self, name: str, state: str) -> Any:
        return self.process(name, "run", VOICE_INSIGHTS_STATE=state)

    def seen(self, state: str) -> int:
        """The occurrences that a single worker has counted."""
        with self.tasks.environment():
            if not Locations(None, None).has_state(state):
                return 0
        return self.contents(state).whole.counters.get("occurrences", 0)

    def drained(self) -> bool:
        """Whether all buckets have read equally far, and sent what they had."""
        states = self.tasks.states()
        places = [
            {
                (shard, at.kind, at.value)
                for shard, at in one.whole.positions.items()
                if not at.is_carrier
            }
            for one in states
        ]
        equal = all(one == places[0] for one in places)
        return equal and not any(one.waiting for one in states)


@pytest.fixture
def move(tmp_path: Path) -> Iterator[Move]:
    if not NODE_HOME.joinpath(".ready").exists():
        reason = "the Kinesis for Node is missing: tests/fleet/setup.sh"
        if os.environ.get("CI"):
            pytest.fail(f"in CI nothing is skipped: {reason}")
        pytest.skip(reason)
    with fleet_aws(resharding=True) as aws:  # the other one lists no shards by time
        tasks = Tasks(aws, tmp_path, "kcl-rs", buckets=4, shards=2, holds=MOVED.holds)
        try:
            yield Move(tasks, tmp_path)
        finally:
            tasks.close()


def test_what_moves_over_and_back_amid_calls_is_counted_once(move: Move) -> None:
    tasks = move.tasks
    records = MOVED.records()
    occurrences = len(decode_all(records))
    tasks.make_streams()
    feed = tasks.feed(records, MOVED.speed)

    with move.worker("before", SINGLE):
        tasks.wait_for(lambda: move.seen(SINGLE) > occurrences // 8, "a worker at work")
    before = move.contents(SINGLE)
    assert before.whole.sessions
    tasks.command("fleet", "init", "--from", SINGLE)

    with move.process("fleet", "fleet", "run"):
        tasks.wait_for(
            lambda: (
                tasks.counters()["occurrences"]
                > before.whole.counters["occurrences"] + occurrences // 8
            ),
            "a fleet at work",
        )
    with move.process("partitions", "fleet", "run", "--role", "partitions"):
        tasks.wait_for(
            lambda: "bucket taken" in tasks.log("partitions") and move.drained(),
            "buckets that have read equally far",
        )
    assert "equally far by all buckets" in tasks.command("fleet", "status")
    amid = tasks.counters()
    tasks.command("fleet", "dissolve", "--into", AGAIN)
    assert move.contents(AGAIN).whole.counters == dict(amid)

    with move.worker("after", AGAIN):
        feed.join()

        def settled() -> bool:
            found = move.contents(AGAIN)
            counted = found.whole.counters.get("occurrences", 0)
            return counted >= occurrences and not found.waiting and not found.whole.sessions

        tasks.wait_for(settled, "all that was put")

    offline = tasks.recorded()
    assert but_for_the_close(tasks.session_records()) == but_for_the_close(offline.records)
    assert len(set(tasks.lines(DEAD_LETTERS))) == offline.counters["dead_letters"]
    counters = Counter(move.contents(AGAIN).whole.counters)
    assert +counters == +offline.counters
    with tasks.environment():
        bound = bounds(move.view(AGAIN).notes())
    client = tasks.aws.client("cloudwatch")
    twice = beyond(published(client, NAMESPACE, offline.statistics), offline.statistics)
    for series, more in twice.items():
        may = bound[series].samples if series in bound else 0
        assert 0 < more.samples <= may, series
