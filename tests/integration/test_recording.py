"""``record`` from LocalStack's Kinesis, and ``replay --into`` a new stream there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.integration.localstack import LocalStack
from tests.live import Aws, calls
from tests.processes import AWS, run
from worker.recordings.reader import read_recording
from worker.stream.record import Record
from worker.testing.traffic import simulated_records

pytestmark = pytest.mark.slow


def record(aws: Aws, out: Path) -> Counter[tuple[bytes, str]]:
    """All that the stream holds: data and partition keys."""
    where = ("--endpoint-url", aws.endpoint, "--until-tip")
    done = run("record", aws.stream, "--out", out, *where, cwd=out.parent, env=AWS)
    assert done.returncode == 0, done.stderr
    items = list(read_recording(str(out)))
    records = [item for item in items if isinstance(item, Record)]
    assert len(records) == len(items)
    return Counter((one.data, one.partition_key) for one in records)


def test_what_is_recorded_and_put_into_a_new_stream_is_recorded_there_again(
    localstack: LocalStack, tmp_path: Path
) -> None:
    aws = Aws(localstack.endpoint, "recorded", shards=2)
    aws.feed(simulated_records(calls(4), 51))
    recorded = record(aws, tmp_path / "first")
    assert recorded == Counter((one.data, one.partition_key) for one in aws.put)
    other = Aws(localstack.endpoint, "replayed", shards=3)
    into = ("--into", other.stream, "--endpoint-url", other.endpoint)
    done = run("replay", tmp_path / "first", *into, cwd=tmp_path, env=AWS)
    assert done.returncode == 0, done.stderr
    assert record(other, tmp_path / "second") == recorded
