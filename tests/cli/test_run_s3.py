"""The command ``run`` with its state in a bucket, and of two with one state the later one."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from tests.flaky import Told, way_to
from tests.live import (
    Aws,
    Live,
    portion,
    replayed,
)
from tests.processes import AWS
from tests.s3_live import Kept, exact_but_for, working_in
from worker.state.s3.manifest import SEGMENTS
from worker.state.s3.ownership import MANIFEST
from worker.testing.moto_server import embedded_aws

pytestmark = pytest.mark.slow

FENCED_WITHIN_S: Final = 30.0
"""Some seconds, on a machine that is very busy."""


class Traffic:
    """Sessions that go on coming while workers are at work: one more each time it is told."""

    def __init__(self, aws: Aws, seed: int) -> None:
        self.sessions = 0
        self._aws = aws
        self._seed = seed

    def more(self) -> bool:
        self._aws.feed(portion(1, self._seed * 1000 + self.sessions))
        self.sessions += 1
        return True


def test_of_two_workers_on_one_state_the_first_ends_amid_its_work_and_nothing_is_doubled(
    endpoint: str, tmp_path: Path
) -> None:
    aws = Aws(endpoint, "two")
    kept = Kept(aws, "two-workers")
    traffic = Traffic(aws, 21)
    sending, door = Told(), Told()
    own: dict[str, Any] = {"namespace": "Two", "send_timeout_s": 60, "endpoint_url": ""}
    with ExitStack() as stack:
        cloudwatch, requests = stack.enter_context(way_to(endpoint, sending))
        s3, _ = stack.enter_context(way_to(endpoint, door))
        firsts = {**AWS, "AWS_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_CLOUDWATCH": cloudwatch}
        seconds = {**AWS, "AWS_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_S3": s3}
        first = stack.enter_context(working_in(kept, aws, tmp_path / "first", env=firsts, **own))
        first.wait_for(lambda: traffic.more() and first.peek().evicted, "some sessions")
        first.wait_for(lambda: traffic.more() and kept.notes(), "something sent")
        # the second is let in while the first reads on and has a request under way
        door.fate = "cut"
        second = stack.enter_context(working_in(kept, aws, tmp_path / "second", env=seconds, **own))
        second.wait_for(lambda: "state call failed" in second.log, "it to be at the door")
        read = first.counted("occurrences")
        first.wait_for(
            lambda: traffic.more() and first.counted("occurrences") > read, "it to read on"
        )
        sending.fate = "timeout after"
        first.wait_for(lambda: traffic.more() and requests["timeout after"], "it to be sending")
        door.fate = "well"
        second.wait_for(lambda: traffic.more() and second.begun, "it to take the state")
        assert first.process.wait(FENCED_WITHIN_S) == 3
        assert "another worker has taken" in first.log_lines[-1]["error"]
        second.wait_for_sessions(traffic.sessions)
        assert second.end() == 0
    ((before, _),) = kept.owners()
    under_way = {one.id for one in before.outbox if one.kind == "metrics" and one.sending}
    assert {note.entry for note in kept.notes() if note.bound} == under_way != set()
    twice = exact_but_for(aws, kept, "Two", replayed(aws.put, tmp_path))
    assert twice, "the request that was under way had been applied, and was made again"


def test_while_s3_is_away_it_reads_no_further_and_then_goes_on_by_itself(
    endpoint: str, tmp_path: Path
) -> None:
    shards = 2
    aws = Aws(endpoint, "back", shards)
    kept = Kept(aws, "away-and-back")
    traffic = Traffic(aws, 22)
    s3 = Told()
    with way_to(endpoint, s3) as (bucket, _), way_to(endpoint, Told()) as (stream, asked):
        apart = {"AWS_ENDPOINT_URL_S3": bucket, "AWS_ENDPOINT_URL_KINESIS": stream}
        env = {**AWS, "AWS_ENDPOINT_URL": endpoint, **apart}
        with working_in(
            kept, aws, tmp_path / "one", env=env, endpoint_url="", namespace="Back"
        ) as worker:
            worker.wait_for(lambda: traffic.more() and worker.peek().evicted, "some sessions")
            s3.fate = "cut"
            worker.wait_for(lambda: _commits_failed(worker), "a commit to fail")
            read, calls_so_far = worker.counted("occurrences"), asked["well"]
            worker.wait_for(
                lambda: traffic.more() and _commits_failed(worker) >= 5, "it to try again"
            )
            # two answers and a call of each shard's, and surveys
            assert asked["well"] - calls_so_far <= 3 * shards + 10
            assert worker.counted("occurrences") == read
            s3.fate = "well"
            worker.wait_for_sessions(traffic.sessions)
            assert worker.end() == 0
        assert len(kept.owners()) == 0
    assert exact_but_for(aws, kept, "Back", replayed(aws.put, tmp_path)) == {}


def _commits_failed(worker: Live) -> int:
    """How often a commit or a swap beside it, for which commits wait, did not go through."""
    failed = [line for line in worker.log_lines if line["event"] == "state call failed"]
    assert {line["why"] for line in failed} <= {"unknown"}
    return sum(line["object"].startswith((MANIFEST, SEGMENTS)) for line in failed)


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
            assert "asked to stop while the state could not be reached" in last["error"]
            assert "Traceback" not in worker.log
