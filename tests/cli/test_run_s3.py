"""The command ``run`` with its state in a bucket, and of two with one state the later one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_run import calls
from tests.live import Aws, beyond, but_for_the_close, last_revisions, replayed
from tests.processes import LONGEST_S
from tests.s3_live import Kept, working_in
from worker.emit.objects import DEAD_LETTERS, RECORDS
from worker.partition.partition import ACCOUNTED
from worker.testing.moto_server import embedded_aws
from worker.testing.traffic import simulate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with embedded_aws() as url:
        yield url


def test_of_two_workers_on_one_state_the_first_ends_and_nothing_is_doubled(
    endpoint: str, tmp_path: Path
) -> None:
    sessions = 12
    aws = Aws(endpoint, "two")
    kept = Kept(aws, "two-workers")
    aws.feed(simulate(calls(sessions), 21))
    offline = replayed(aws.put, tmp_path)
    with working_in(kept, aws, tmp_path / "first", namespace="Two") as first:
        first.wait_for(lambda: first.peek().packed, "some sessions")
        with working_in(kept, aws, tmp_path / "second", namespace="Two") as second:
            assert first.process.wait(LONGEST_S) == 3
            last = first.log_lines[-1]
            assert "another worker has taken" in last["error"]
            second.wait_for_sessions(sessions)
            assert second.end() == 0
            counters = second.state.counters
    assert {name: counters.get(name, 0) for name in ACCOUNTED} == {
        name: offline.counters[name] for name in ACCOUNTED
    }
    records = last_revisions(kept.lines(RECORDS))
    assert but_for_the_close(records) == but_for_the_close(offline.records)
    assert len(kept.lines(DEAD_LETTERS).splitlines()) == offline.counters["dead_letters"] > 0
    assert len(kept.owners()) == 1
    unknown = kept.being_sent()
    for series, more in beyond(
        aws.statistics("Two", offline.statistics), offline.statistics
    ).items():
        assert 0 <= more.samples <= unknown[series].samples, series
