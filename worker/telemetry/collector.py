"""Collects the worker's telemetry from its events, and reports it once a minute.

Events arrive from the threads of the service, the sender's lanes, the reader and the state's
bucket, and the health pages read from another one: a lock guards the counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Lock
from typing import Final

from worker.metrics.totals import Totals
from worker.objectstore.retrying import CallFailed
from worker.outbox.entries import DeliveryOutcome, Entry
from worker.outbox.ledger import Note
from worker.service.hooks import WorkerEvents
from worker.service.ports import WorkerStatus
from worker.sources.kinesis.reader_events import BackedOff, ClocksDiffer, ReaderEvent
from worker.telemetry.snapshot import (
    EventCounts,
    MetricValues,
    ReportPeriod,
    TelemetrySnapshot,
    snapshot_of,
)
from worker.times.minutes import MINUTE

Report = Callable[[TelemetrySnapshot, int], None]
"""Takes a snapshot and its time (epoch ms); must neither block nor raise."""


_REQUESTS: Final = {
    DeliveryOutcome.APPLIED: "RequestsApplied",
    DeliveryOutcome.NOT_APPLIED: "RequestsRefused",
    DeliveryOutcome.INVALID: "RequestsInvalid",
    DeliveryOutcome.AMBIGUOUS: "RequestsAmbiguous",
    DeliveryOutcome.DROPPED: "RequestsDropped",
    DeliveryOutcome.TOO_OLD: "RequestsTooOld",
}


class TelemetryCollector(WorkerEvents):
    """Counts events. ``dropped_lines``: the number of log lines dropped so far. ``further``: the
    values that each snapshot has besides its own, and instead of them.

    ``report`` gets a snapshot at the first commit of each minute of the wall clock, so that each
    of CloudWatch's minutes has one; it gets none while nothing is committed, unless ``tick`` is
    called.
    """

    def __init__(
        self,
        now: Callable[[], int],
        dropped_lines: Callable[[], int],
        report: Report,
        further: Callable[[], MetricValues] = dict,
    ) -> None:
        self._now = now
        self._dropped_lines = dropped_lines
        self._report = report
        self._further = further
        self._reported: int | None = None
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        self._period = ReportPeriod()
        self._last_period: ReportPeriod | None = None
        self._progress: WorkerStatus | None = None
        self._committed = 0
        self._last_sent: dict[str, int] = {}

    def reader_event(self, reader_event: ReaderEvent) -> None:
        """See ``WorkerEvents.reader_event``."""
        if isinstance(reader_event, BackedOff):
            self._count("StreamCallsFailed")
        elif isinstance(reader_event, ClocksDiffer):
            with self._lock:
                self._period.clock_doubt = max(self._period.clock_doubt, reader_event.doubt.apart)

    def state_call_failed(self, failed: CallFailed) -> None:  # noqa: ARG002
        """See ``WorkerEvents.state_call_failed``."""
        self._count("StateCallsFailed")

    def sent(self, entry: Entry, outcome: DeliveryOutcome, error: str) -> None:  # noqa: ARG002
        """See ``WorkerEvents.sent``."""
        self._count(_REQUESTS[outcome])
        with self._lock:
            self._last_sent[_REQUESTS[outcome]] = self._now()

    def noted(self, note: Note) -> None:
        """See ``WorkerEvents.noted``."""
        if note.bound:
            self._count("SurplusBound", note.bound)
            with self._lock:
                self._period.largest = max(self._period.largest, note.largest)

    def progress(self, progress: WorkerStatus) -> None:
        """See ``WorkerEvents.progress``. Also reports once a minute."""
        with self._lock:
            self._progress = progress
            self._committed = self._now()
            self._period.add(progress)
        self.tick()

    def tick(self) -> None:
        """Report if nothing was reported in this minute yet. For any thread."""
        with self._lock:
            now = self._now()
            if now // MINUTE == self._reported:
                return
            self._reported = now // MINUTE
            if self._progress is None:
                snapshot = TelemetrySnapshot(self._further(), {})
            else:
                snapshot = self._snapshot(self._progress, self._period, now)
            self._last_period, self._period = self._period, ReportPeriod()
        self._report(snapshot, now)

    def snapshot(self) -> TelemetrySnapshot | None:
        """The values after the last commit; those summed up over a minute are of the last whole
        minute. None before the first commit, unless there are ``further`` ones. For any thread.
        """
        with self._lock:
            if self._progress is None:
                values = self._further()
                return TelemetrySnapshot(values, {}) if values else None
            period = self._last_period or self._period
            return self._snapshot(self._progress, period, self._now())

    def last_sent(self) -> dict[str, int]:
        """When (epoch ms) an attempt to send last ended in each way, by the metric that counts it;
        without those that haven't come to pass. For any thread.
        """
        with self._lock:
            return dict(self._last_sent)

    def totals(self) -> Totals | None:
        """The totals of calls after the last commit, if they are kept. For any thread."""
        with self._lock:
            return None if self._progress is None else self._progress.totals

    def _snapshot(
        self, progress: WorkerStatus, period: ReportPeriod, now: int
    ) -> TelemetrySnapshot:
        events = EventCounts(self._committed, self._counts, self._dropped_lines())
        snapshot = snapshot_of(progress, events, period, now)
        return snapshot._replace(values={**snapshot.values, **self._further()})

    def _count(self, name: str, by: int = 1) -> None:
        with self._lock:
            self._counts[name] += by
