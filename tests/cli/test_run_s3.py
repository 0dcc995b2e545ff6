"""The command ``run`` with its state in a bucket, and of two with one state the later one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.test_run import calls
from tests.live import Aws, beyond, bounds, but_for_the_close, last_revisions, replayed
from tests.processes import AWS, LONGEST_S
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
    unknown = bounds(kept.notes())
    for series, more in beyond(
        aws.statistics("Two", offline.statistics), offline.statistics
    ).items():
        assert 0 <= more.samples <= unknown[series].samples, series


def test_told_to_end_while_s3_is_away_it_ends_in_time(endpoint: str, tmp_path: Path) -> None:
    aws = Aws(endpoint, "away", shards=1)
    with ExitStack() as stack:
        s3 = stack.enter_context(embedded_aws())
        kept = Kept(Aws(s3, "unused", shards=1), "away")
        apart = {**AWS, "AWS_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_S3": s3}
        with working_in(
            kept, aws, tmp_path / "first", env=apart, endpoint_url="", shutdown_s=4
        ) as worker:
            # its second commit: by then it has begun, and has something to end
            worker.wait_for(lambda: kept.commits >= 2, "its begin")
            stack.close()
            worker.wait_for(lambda: "state call failed" in worker.log, "a failed call")
            assert worker.end() == 6
            last = worker.log_lines[-1]
            assert last["level"] == "error"
            assert "told to end while the state could not be reached" in last["error"]
            assert "Traceback" not in worker.log
