"""What the bridge tells becomes metrics, readiness and log lines."""

from __future__ import annotations

import pytest

from worker.objectstore.api import StoreFailure, StoreFailureKind
from worker.objectstore.retrying import CallFailed
from worker.pinecall.api import Failure, FailureKind
from worker.pinecall.discovery import LIST
from worker.pinecall.notices import (
    BridgeNotice,
    CallExpired,
    CallFinished,
    CallGivenUp,
    CheckpointCallFailed,
    EntriesRead,
    ListRead,
    LogGap,
    Put,
    PutFailed,
    RecordRefused,
    RequestFailed,
    Standing,
)
from worker.telemetry.bridge import LISTED_WITHIN, PUT_WITHIN, BridgeTelemetry
from worker.telemetry.bridge_catalogue import BRIDGE_METRICS
from worker.telemetry.emf import emf_fields
from worker.telemetry.prometheus import own_families
from worker.telemetry.snapshot import TelemetrySnapshot

AWAY = Failure(FailureKind.AWAY, "503: it is out of order")
STANDS = Standing(listed=1000, followed=3, waiting=2, oldest_put=40, failing=1)


class _Clock:
    at = 2000

    def __call__(self) -> int:
        return self.at


def _telemetry() -> tuple[BridgeTelemetry, _Clock, list[TelemetrySnapshot]]:
    clock = _Clock()
    reported: list[TelemetrySnapshot] = []
    report = lambda snapshot, _at: reported.append(snapshot)  # noqa: E731
    return BridgeTelemetry(clock, lambda: 7, report, 60_000), clock, reported


COUNTED: list[tuple[BridgeNotice, dict[str, int]]] = [
    (ListRead(9, 4), {"BridgeCallsFound": 4}),
    (EntriesRead(12), {"BridgeEntries": 12}),
    (LogGap("c", True), {"BridgeGaps": 1}),
    (LogGap("c", False), {"BridgeGaps": 1, "BridgeGapsLost": 1}),
    (Put(5, 80), {"BridgeRecords": 5}),
    (PutFailed("no", 1, 0.5), {"BridgePutsFailed": 1}),
    (RecordRefused("c", "too large"), {"BridgeRecordsRefused": 1}),
    (RequestFailed(LIST, AWAY, 1, 0.5), {"BridgeRequestsFailed": 1}),
    (CallFinished("c", None), {"BridgeCallsFinished": 1}),
    (CallFinished("c", "text"), {"BridgeCallsFinished": 1, "BridgeCallsSkipped": 1}),
    (CallExpired("c", "place", 9), {"BridgeCallsExpired": 1}),
    (CallGivenUp("c", "404"), {"BridgeCallsGivenUp": 1}),
    (
        CheckpointCallFailed(
            CallFailed("put", "k", StoreFailure(StoreFailureKind.UNKNOWN, "x"), 1, 0.1)
        ),
        {"BridgeCheckpointCallsFailed": 1},
    ),
]


@pytest.mark.parametrize(("notice", "counts"), COUNTED)
def test_each_notice_is_counted(notice: BridgeNotice, counts: dict[str, int]) -> None:
    telemetry, _, _ = _telemetry()
    telemetry(STANDS)
    before = telemetry.snapshot()
    telemetry(notice)
    after = telemetry.snapshot()
    assert before is not None
    assert after is not None
    grown = {
        name: after.values[name] - value
        for name, value in before.values.items()
        if after.values[name] != value and name != "BridgePutDelay"
    }
    assert grown == counts


def test_every_metric_has_a_value_once_the_bridge_stands() -> None:
    telemetry, _, _ = _telemetry()
    assert telemetry.snapshot() is None
    telemetry(STANDS)
    found = telemetry.snapshot()
    assert found is not None
    assert found.values.keys() == BRIDGE_METRICS.keys()
    assert found.values["BridgeListAge"] == 1000
    assert found.values["BridgeLogLinesDropped"] == 7
    families = {one.name: one for one in own_families(found, BRIDGE_METRICS)}
    followed = families["voice_insights_worker_bridge_calls_followed"]
    assert [point.value for point in followed.points] == [3]
    line = emf_fields(found, found.values, 2000, "Own", BRIDGE_METRICS)
    assert line["BridgeHeartbeat"] == 1


def test_one_report_goes_out_a_minute() -> None:
    telemetry, clock, reported = _telemetry()
    for clock.at in (2000, 30_000, 59_999, 60_000, 61_000):
        telemetry(STANDS)
    assert len(reported) == 2


def test_a_bridge_that_reads_no_list_or_puts_nothing_has_no_heartbeat_and_is_not_ready() -> None:
    telemetry, clock, _ = _telemetry()
    assert "starting" in str(telemetry.unready())
    telemetry(RequestFailed(LIST, AWAY, 1, 0.5))
    assert "out of order" in str(telemetry.unready())
    telemetry(ListRead(0, 0))
    telemetry(STANDS)
    assert telemetry.unready() is None
    telemetry(PutFailed("denied", 1, 0.5))
    telemetry(STANDS._replace(oldest_put=PUT_WITHIN + 1))
    assert "denied" in str(telemetry.unready())
    telemetry(STANDS)
    clock.at = 1000 + LISTED_WITHIN + 1
    assert "not read for" in str(telemetry.unready())
    found = telemetry.snapshot()
    assert found is not None
    assert "BridgeHeartbeat" not in found.values
