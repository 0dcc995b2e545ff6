"""The whole worker on LocalStack's Kinesis: shards split and merge, iterators expire."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.integration.localstack import LocalStack
from tests.live import Aws, Live, but_for_the_close, calls, last_revisions, replayed, working
from worker.partition.accounting import ACCOUNTED
from worker.stream.record import Record
from worker.testing.traffic import simulated_records

pytestmark = pytest.mark.slow

EXPIRED_AFTER_MS: Final = 300_000
RECORDS: Final = "records.jsonl"


def parts(sessions: int, seed: int, number: int) -> list[list[Record]]:
    """A stream's records in so many parts of about one size, as they arrive."""
    records = list(simulated_records(calls(sessions), seed))
    size = -(-len(records) // number)
    return [records[at : at + size] for at in range(0, len(records), size)]


def shards(aws: Aws) -> dict[str, dict[str, Any]]:
    listed = aws.kinesis.list_shards(StreamName=aws.stream)["Shards"]
    return {shard["ShardId"]: shard for shard in listed}


def is_open(shard: dict[str, Any]) -> bool:
    return "EndingSequenceNumber" not in shard["SequenceNumberRange"]


def split(aws: Aws) -> str:
    """Split the first open shard in the middle; the id of it."""
    parent = next(shard for shard in shards(aws).values() if is_open(shard))
    begin, end = (int(parent["HashKeyRange"][f"{side}HashKey"]) for side in ("Starting", "Ending"))
    aws.kinesis.split_shard(
        StreamName=aws.stream,
        ShardToSplit=parent["ShardId"],
        NewStartingHashKey=str((begin + end) // 2),
    )
    return str(parent["ShardId"])


def children(aws: Aws, parent: str) -> list[str]:
    return [name for name, shard in shards(aws).items() if shard.get("ParentShardId") == parent]


def all_is_told_once(aws: Aws, worker: Live, folder: Path) -> None:
    """What it has read and written is, at last, what a replay of all that was put has."""
    offline = replayed(aws.put, folder)
    expected = latest(offline.records)
    worker.wait_for(lambda: latest(written(folder)) == expected, "all records as they should be")
    worker.wait_for_occurrences(offline.counters["occurrences"])
    assert worker.end() == 0
    assert latest(written(folder)) == expected
    counters = worker.state.counters
    assert {name: counters.get(name, 0) for name in ACCOUNTED} == {
        name: offline.counters[name] for name in ACCOUNTED
    }


def written(folder: Path) -> dict[str, dict[str, Any]]:
    """The last revisions in the file of records, as far as it is written."""
    file = folder / RECORDS
    return last_revisions(file.read_bytes().rpartition(b"\n")[0]) if file.exists() else {}


def latest(records: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Without what depends on when each event came."""
    same = but_for_the_close(records)
    for record in same.values():
        record["revision"] = None
    return same


def stages(worker: Live, stage: str) -> list[str]:
    """The shards that have come to it, in order."""
    lines = [line for line in worker.log_lines if line["event"] == "shard"]
    return [line["shard"] for line in lines if line["stage"] == stage]


def test_shards_split_and_merge_while_it_reads_and_every_record_counts_once(
    localstack: LocalStack, tmp_path: Path
) -> None:
    aws = Aws(localstack.endpoint, "resharded", shards=2)
    first, second, third, fourth = parts(6, 31, 4)
    aws.feed(first)
    with working(aws, tmp_path, records=RECORDS) as worker:
        worker.wait_for_occurrences(len(first))
        aws.feed(second[::2])
        parent = split(aws)
        aws.feed(second[1::2])
        left, right = children(aws, parent)
        aws.feed(third[::2])
        aws.kinesis.merge_shards(
            StreamName=aws.stream, ShardToMerge=left, AdjacentShardToMerge=right
        )
        aws.feed(third[1::2])
        (merged,) = children(aws, left)
        aws.feed(fourth)
        all_is_told_once(aws, worker, tmp_path)
        reading, ended = stages(worker, "reading"), stages(worker, "ended")
    assert {parent, left, right, merged} <= set(reading)
    assert {parent, left, right} <= set(ended)
    assert merged not in ended
    order = [
        (line["shard"], line["stage"]) for line in worker.log_lines if line["event"] == "shard"
    ]
    for child, *parents in ((left, parent), (right, parent), (merged, left, right)):
        for one in parents:
            assert order.index((one, "ended")) < order.index((child, "reading"))


def test_iterators_that_expire_are_replaced_and_every_record_counts_once(
    localstack: LocalStack, tmp_path: Path
) -> None:
    aws = Aws(localstack.endpoint, "expiring", shards=2)
    first, second = parts(4, 32, 2)
    aws.feed(first)
    before = localstack.refused("ExpiredIteratorException")
    with working(aws, tmp_path, records=RECORDS) as worker:
        worker.wait_for_occurrences(len(first))
        localstack.put_clock_ahead(EXPIRED_AFTER_MS + 10_000)
        worker.wait_for(
            lambda: localstack.refused("ExpiredIteratorException") >= before + 2, "two expiries"
        )
        localstack.put_clock_ahead(0)
        aws.feed(second)
        all_is_told_once(aws, worker, tmp_path)
