"""The daemon in Java and the worker talk in lines, and any error ends the process."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fleet.noting import Noting
from worker.errors import Fenced, Unreachable, VoiceInsightsError
from worker.fleet.daemon_child import DaemonChild
from worker.fleet.engine_daemon import daemon_properties
from worker.fleet.processor import Checkpointed, FleetApplication, LeasedRecord
from worker.stream.record import Record

SHARD = "shardId-000000000003"


class Daemon:
    """The other side: says its lines one by one, and reads what comes back."""

    def __init__(self, *lines: dict[str, Any]) -> None:
        self._lines = lines
        self.heard: list[dict[str, Any]] = []

    def lines(self) -> Iterator[bytes]:
        for line in self._lines:
            yield json.dumps(line).encode() + b"\n"

    def write(self, data: bytes) -> None:
        self.heard += [json.loads(line) for line in data.splitlines() if line]

    def serve(self, processor: Noting, failed: list[BaseException] | None = None) -> None:
        errors = [] if failed is None else failed
        DaemonChild(self.lines(), self.write, processor, errors.append, lambda: 0.0).run()


INITIALIZE = {"action": "initialize", "shardId": SHARD, "sequenceNumber": "TRIM_HORIZON"}
RECORDS = {
    "action": "processRecords",
    "millisBehindLatest": 250,
    "records": [
        {
            "action": "record",
            "data": b64encode(b"data").decode(),
            "partitionKey": "key",
            "approximateArrivalTimestamp": 1_000,
            "sequenceNumber": "17",
            "subSequenceNumber": number,
        }
        for number in range(2)
    ],
}
ENDED = {"action": "shardEnded"}
CHECKPOINTED = {"action": "checkpoint", "sequenceNumber": "17", "subSequenceNumber": None}


def _refused(error: str) -> dict[str, Any]:
    return {**CHECKPOINTED, "error": error}


def test_each_action_is_done_before_it_is_said_to_be() -> None:
    daemon, processor = Daemon(INITIALIZE, RECORDS, CHECKPOINTED, {"action": "leaseLost"}), Noting()
    daemon.serve(processor)
    record = Record(SHARD, "17", 1_000, b"data", "key")
    delivered = [LeasedRecord(record, 0), LeasedRecord(record, 1)]
    assert processor.calls == [(SHARD, None), (delivered, 250), Checkpointed.MADE, "lost"]
    assert daemon.heard == [
        {"action": "status", "responseFor": "initialize"},
        CHECKPOINTED,
        {"action": "status", "responseFor": "processRecords"},
        {"action": "status", "responseFor": "leaseLost"},
    ]


@pytest.mark.parametrize("action", ["shardEnded", "shutdownRequested"])
def test_an_end_is_checkpointed_without_a_sequence_number(action: str) -> None:
    daemon, processor = Daemon({"action": action}, CHECKPOINTED), Noting()
    daemon.serve(processor)
    assert processor.calls == [Checkpointed.MADE]
    assert daemon.heard[0]["sequenceNumber"] is None


def test_a_run_begins_after_the_checkpoint() -> None:
    processor = Noting()
    Daemon({**INITIALIZE, "sequenceNumber": "4711"}).serve(processor)
    assert processor.calls == [(SHARD, "4711")]


def test_a_checkpoint_without_a_lease_is_no_error() -> None:
    processor = Noting()
    Daemon(RECORDS, _refused("ShutdownException")).serve(processor)
    assert processor.calls[-1] is Checkpointed.LEASE_GONE


def test_a_throttled_checkpoint_is_left_to_the_next_one() -> None:
    processor = Noting()
    Daemon(RECORDS, _refused("ThrottlingException")).serve(processor)
    assert processor.calls[-1] is Checkpointed.DEFERRED


def test_an_end_is_checkpointed_until_it_succeeds() -> None:
    daemon, processor = Daemon(ENDED, _refused("ThrottlingException"), CHECKPOINTED), Noting()
    daemon.serve(processor)
    assert processor.calls == [Checkpointed.MADE]


def test_a_table_that_stays_away_at_an_end_ends_the_process() -> None:
    failed: list[BaseException] = []
    with pytest.raises(Unreachable):
        Daemon(ENDED, *[_refused("ThrottlingException")] * 50).serve(Noting(), failed)
    assert len(failed) == 1


@pytest.mark.parametrize("error", [Fenced("gone"), ValueError("a defect")])
def test_an_error_of_a_processor_ends_the_process_before_anything_is_said(
    error: Exception,
) -> None:
    daemon, failed = Daemon(RECORDS), list[BaseException]()
    with pytest.raises(type(error)):
        daemon.serve(Noting(error), failed)
    assert failed == [error]
    assert daemon.heard == []


def test_an_unknown_action_ends_the_process() -> None:
    failed: list[BaseException] = []
    with pytest.raises(VoiceInsightsError, match="unknown"):
        Daemon({"action": "dance"}).serve(Noting(), failed)
    assert len(failed) == 1


def _application(**more: Any) -> FleetApplication:
    fields: dict[str, Any] = {
        "name": "fleet-router",
        "stream": "calls",
        "region": "eu-west-1",
        "endpoint": None,
        "start": "trim_horizon",
        "idle_ms": 500,
        "fan_out": False,
        "make": Noting,
    }
    return FleetApplication(**{**fields, **more})


def test_the_daemon_is_told_where_to_begin_and_how_to_read() -> None:
    lines = daemon_properties(_application(), "/tmp/child", "host-1-00000000")
    assert "initialPositionInStream = TRIM_HORIZON" in lines
    assert "retrievalMode = POLLING" in lines
    assert "regionName = eu-west-1" in lines
    late = daemon_properties(_application(start=1_780_000_000_500, fan_out=True), "c", "w")
    assert "initialPositionInStreamExtended = 1780000000" in late
    assert "retrievalMode = FANOUT" in late


def test_the_daemon_s_own_metrics_are_off() -> None:
    assert "metricsLevel = NONE" in daemon_properties(_application(), "c", "w")
