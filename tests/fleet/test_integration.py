"""A fleet that is hindered in every way ends as one worker does that never was.

It takes the minutes in which leases expire; alone, and with the other engine: ``make test-fleet``.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from tests.fleet.driving import Tasks, differing
from tests.fleet.emulators import NODE_HOME, fleet_aws
from tests.fleet.trials import HINDERED
from worker.events.decode import decode_all

ENGINE: Final = os.environ.get("FLEET_ENGINE", "kcl-rs")
RESHARDING: Final = ENGINE != "daemon"
"""The library in Java can't be resharded here: the emulator's ListShards leads it astray."""

STOPPED_S: Final = 55.0
"""Longer than any lease lasts."""

WAKING_S: Final = 10.0
TRIAL: Final = HINDERED[ENGINE]

pytestmark = pytest.mark.slow


@pytest.fixture
def tasks(tmp_path: Path) -> Iterator[Tasks]:
    if not NODE_HOME.joinpath(".ready").exists():
        reason = "the Kinesis for Node is missing: tests/fleet/setup.sh"
        if os.environ.get("CI"):
            pytest.fail(f"in CI nothing is skipped: {reason}")
        pytest.skip(reason)
    with fleet_aws(resharding=True) as aws:
        made = Tasks(aws, tmp_path, ENGINE, holds=TRIAL.holds)
        try:
            yield made
        finally:
            made.close()


def test_what_befalls_a_fleet_changes_no_number(tasks: Tasks) -> None:
    records, names = TRIAL.records(), tasks.names
    tasks.make()
    feed = tasks.feed(records, TRIAL.speed)

    tasks.start("A")
    tasks.tell("first leases", tasks.await_leases({"A"}))
    tasks.start("B")
    tasks.tell("a task joins", tasks.await_leases({"A", "B"}))
    if RESHARDING:
        tasks.split(names.keyed, "shardId-000000000000")
        tasks.split(names.source, "shardId-000000000001")
        tasks.tell("two splits", tasks.await_leases({"A", "B"}))
    began = time.monotonic()
    assert tasks.end("A", signal.SIGKILL) < 0
    tasks.tell("kill -9", tasks.await_leases({"B"}, began))

    tasks.start("C")
    tasks.await_leases({"B", "C"})
    began = time.monotonic()
    with tasks.frozen("B"):
        tasks.tell("SIGSTOP", tasks.await_leases({"C"}, began))
        time.sleep(max(0.0, began + STOPPED_S - time.monotonic()))
    time.sleep(WAKING_S)
    if tasks.running["B"].poll() is not None:  # else it drops its shards and leases others
        del tasks.running["B"]
        tasks.start("B2")
    if RESHARDING:
        tasks.merge(names.keyed, "shardId-000000000004", "shardId-000000000005")
    tasks.tell("a merge", tasks.await_leases({*tasks.running}))
    began = time.monotonic()
    assert tasks.end("C", signal.SIGTERM) == 0
    tasks.tell("SIGTERM", tasks.await_leases({*tasks.running}, began))

    feed.join()
    occurrences = len(decode_all(records))
    tasks.tell("all is sent", {"after": tasks.wait_for(lambda: tasks.settled(occurrences), "it")})
    for name in [*tasks.running]:
        assert tasks.end(name, signal.SIGTERM) == 0, tasks.log(name)[-2000:]
    offline = tasks.recorded()
    click.echo(f"counters that differ: {differing(tasks.counters(), offline.counters)}")
    twice = tasks.judge(offline)
    click.echo(f"CloudWatch holds more, within the bounds: {len(twice)} series' minutes")
