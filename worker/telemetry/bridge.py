"""The notices of a bridge as metrics and as readiness.

Most notices come from the bridge's loop, the rest from threads, and the health pages read from yet
another one: a lock guards the counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Lock
from typing import Final

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
from worker.telemetry.bridge_catalogue import BRIDGE_METRICS
from worker.telemetry.catalogue import MetricKind
from worker.telemetry.collector import Report
from worker.telemetry.snapshot import MetricValues, TelemetrySnapshot
from worker.times.minutes import MINUTE

LISTED_WITHIN: Final = 300_000
"""The time (ms) within which the list of calls must be read to its end, or within three polls."""

PUT_WITHIN: Final = 300_000
"""The time (ms) within which records must be on the stream."""


class BridgeTelemetry:
    """Counts notices. ``report`` gets a snapshot in each minute of the wall clock. ``poll``: ms
    between two lists of calls. ``dropped_lines``: the number of log lines dropped so far.
    """

    def __init__(
        self,
        now: Callable[[], int],
        dropped_lines: Callable[[], int],
        report: Report,
        poll: int,
    ) -> None:
        self._now = now
        self._dropped_lines = dropped_lines
        self._report = report
        self._listed_within = max(LISTED_WITHIN, 3 * poll)
        self._reported: int | None = None
        self._lock = Lock()
        self._counts: Counter[str] = Counter(
            {name: 0 for name, one in BRIDGE_METRICS.items() if one.kind is MetricKind.COUNTER}
        )
        self._put_delay = 0
        self._standing: Standing | None = None
        self._list_failure: str | None = None
        self._put_failure: str | None = None

    def __call__(self, reader_event: BridgeNotice) -> None:
        """Count a notice."""
        with self._lock:
            self._counts.update(_counted(reader_event))
            if isinstance(reader_event, Put):
                self._put_delay = max(self._put_delay, reader_event.delay)
                self._put_failure = None
            elif isinstance(reader_event, PutFailed):
                self._put_failure = reader_event.error
            elif isinstance(reader_event, RequestFailed) and reader_event.of == LIST:
                self._list_failure = reader_event.failure.detail
            elif isinstance(reader_event, ListRead):
                self._list_failure = None
        if isinstance(reader_event, Standing):
            self._stand(reader_event)

    def snapshot(self) -> TelemetrySnapshot | None:
        """Return the present values; None before the bridge has begun. For any thread."""
        with self._lock:
            return None if self._standing is None else self._read(self._standing)

    def unready(self) -> str | None:
        """Return why the bridge is not ready; None if it is. For any thread."""
        with self._lock:
            standing = self._standing
            if standing is None or standing.listed is None:
                return f"starting: {self._list_failure or 'the list of calls was not read yet'}"
            age = self._now() - standing.listed
            if age > self._listed_within:
                why = self._list_failure or "no reason is known"
                return f"the list of calls was not read for {age // 1000} s: {why}"
            if standing.oldest_put > PUT_WITHIN:
                why = self._put_failure or "no answer"
                return f"the stream has taken nothing for {standing.oldest_put // 1000} s: {why}"
            return None

    def _stand(self, standing: Standing) -> None:
        now = self._now()
        with self._lock:
            self._standing = standing
            snapshot = self._read(standing)
            due = now // MINUTE != self._reported
            if due:
                self._reported = now // MINUTE
                self._put_delay = 0
        if due:
            self._report(snapshot, now)

    def _read(self, standing: Standing) -> TelemetrySnapshot:
        values: MetricValues = {
            **self._counts,
            "BridgePutAge": standing.oldest_put,
            "BridgePutDelay": self._put_delay,
            "BridgeCallsFollowed": standing.followed,
            "BridgeCallsWaiting": standing.waiting,
            "BridgeCallsFailing": standing.failing,
            "BridgeLogLinesDropped": self._dropped_lines(),
        }
        if standing.listed is not None:
            age = max(0, self._now() - standing.listed)
            values["BridgeListAge"] = age
            if age <= self._listed_within and standing.oldest_put <= PUT_WITHIN:
                values["BridgeHeartbeat"] = 1
        return TelemetrySnapshot(values, {})


_ONE: Final[dict[type[BridgeNotice], str]] = {
    CallExpired: "BridgeCallsExpired",
    CallGivenUp: "BridgeCallsGivenUp",
    CheckpointCallFailed: "BridgeCheckpointCallsFailed",
    PutFailed: "BridgePutsFailed",
    RecordRefused: "BridgeRecordsRefused",
    RequestFailed: "BridgeRequestsFailed",
}
"""Notices that count as 1 each."""


def _counted(reader_event: BridgeNotice) -> dict[str, int]:
    if isinstance(reader_event, ListRead):
        return {"BridgeCallsFound": reader_event.found}
    if isinstance(reader_event, EntriesRead):
        return {"BridgeEntries": reader_event.number}
    if isinstance(reader_event, LogGap):
        return {"BridgeGaps": 1, "BridgeGapsLost": int(not reader_event.read)}
    if isinstance(reader_event, Put):
        return {"BridgeRecords": reader_event.records}
    if isinstance(reader_event, CallFinished):
        return {
            "BridgeCallsFinished": 1,
            "BridgeCallsSkipped": int(reader_event.skipped is not None),
        }
    name = _ONE.get(type(reader_event))
    return {} if name is None else {name: 1}
