"""The embedded AWS: up on loopback, alone, and gone with its user."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest

from worker.testing.driven_clock import Driver
from worker.testing.moto_server import client_of, embedded_aws

pytestmark = pytest.mark.slow


def reachable(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname or "", parts.port or 0)) == 0


def test_it_is_up_inside_the_block_and_gone_after_it() -> None:
    with embedded_aws() as endpoint:
        assert endpoint.startswith("http://127.0.0.1:")
        kinesis = client_of("kinesis", endpoint)
        kinesis.create_stream(StreamName="s", ShardCount=2)
        assert kinesis.list_streams()["StreamNames"] == ["s"]
    assert not reachable(endpoint)


def test_it_ends_with_its_user_even_when_that_is_killed() -> None:
    program = (
        "from worker.testing.moto_server import client_of, embedded_aws\n"
        "with embedded_aws() as endpoint:\n"
        "    print(endpoint, flush=True)\n"
        "    input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as user:
        assert user.stdout is not None
        endpoint = user.stdout.readline().strip()
        assert reachable(endpoint)
        parts = urlsplit(endpoint)
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as waiting:
            os.kill(user.pid, signal.SIGKILL)
            waiting.settimeout(30)
            assert _is_closed(waiting)
    assert _ends(endpoint)


def _is_closed(waiting: socket.socket) -> bool:
    """The server's end closes when it ends; with a reset if it had not accepted yet."""
    try:
        return waiting.recv(1) == b""
    except ConnectionResetError:
        return True


def _ends(endpoint: str) -> bool:
    """A process that exits closes its sockets one by one, the listening one perhaps last."""
    for _ in range(3000):
        if not reachable(endpoint):
            return True
        time.sleep(0.01)
    return False


def test_its_time_is_what_its_user_drives_it_to() -> None:
    start = 1_790_942_400_000  # 2026-10-02T12:00:00Z
    with embedded_aws() as endpoint:
        driver = Driver(endpoint, start, speed=1000)
        kinesis = client_of("kinesis", endpoint)
        kinesis.create_stream(StreamName="s", ShardCount=1)
        kinesis.put_record(StreamName="s", Data=b"1", PartitionKey="k")
        driver.sleep(60)
        kinesis.put_record(StreamName="s", Data=b"2", PartitionKey="k")
        driver.skip(60)
        shard = kinesis.list_shards(StreamName="s")["Shards"][0]["ShardId"]
        iterator = kinesis.get_shard_iterator(
            StreamName="s", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        answer = kinesis.get_records(ShardIterator=iterator)
    arrivals = [one["ApproximateArrivalTimestamp"].timestamp() for one in answer["Records"]]
    assert arrivals == [start / 1000, start / 1000 + 60]
    assert answer["ResponseMetadata"]["HTTPHeaders"]["date"] == "Fri, 02 Oct 2026 12:02:00 GMT"
    assert driver.now_ms() == start + 120_000
