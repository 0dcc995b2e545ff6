"""Collects the worker's metrics about itself from its events, and reports them once a minute.

The service tells from its thread, the sender's lanes, the reader and the state's bucket from
theirs, and the health page asks from yet another: one lock is held around the counts.
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
from worker.service.ports import Progress
from worker.sources.kinesis.notices import BackedOff, ClocksDiffer, Notice
from worker.telemetry.snapshot import Period, Reading, Told, reading_of
from worker.times.minutes import MINUTE

Report = Callable[[Reading, int], None]
"""Takes a reading and when it was made (epoch ms); must neither block nor raise."""


_REQUESTS: Final = {
    DeliveryOutcome.APPLIED: "RequestsApplied",
    DeliveryOutcome.NOT_APPLIED: "RequestsRefused",
    DeliveryOutcome.INVALID: "RequestsInvalid",
    DeliveryOutcome.AMBIGUOUS: "RequestsAmbiguous",
    DeliveryOutcome.DROPPED: "RequestsDropped",
    DeliveryOutcome.TOO_OLD: "RequestsTooOld",
}


class TelemetryCollector(WorkerEvents):
    """Counts events. ``dropped_lines``: how many log lines were lost so far.

    ``report`` gets a reading at the first commit of each minute of the wall clock, so that each
    of CloudWatch's minutes has one; none comes while no commit is made.
    """

    def __init__(
        self, now: Callable[[], int], dropped_lines: Callable[[], int], report: Report
    ) -> None:
        self._now = now
        self._dropped_lines = dropped_lines
        self._report = report
        self._reported: int | None = None
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        self._period = Period()
        self._last_period: Period | None = None
        self._progress: Progress | None = None
        self._committed = 0

    def notice(self, notice: Notice) -> None:
        """See ``WorkerEvents.notice``."""
        if isinstance(notice, BackedOff):
            self._count("StreamCallsFailed")
        elif isinstance(notice, ClocksDiffer):
            with self._lock:
                self._period.clock_doubt = max(self._period.clock_doubt, notice.doubt.apart)

    def state_call_failed(self, failed: CallFailed) -> None:  # noqa: ARG002
        """See ``WorkerEvents.state_call_failed``."""
        self._count("StateCallsFailed")

    def sent(self, entry: Entry, outcome: DeliveryOutcome, error: str) -> None:  # noqa: ARG002
        """See ``WorkerEvents.sent``."""
        self._count(_REQUESTS[outcome])

    def noted(self, note: Note) -> None:
        """See ``WorkerEvents.noted``."""
        if note.bound:
            self._count("SurplusBound", note.bound)
            with self._lock:
                self._period.widest = max(self._period.widest, note.widest)

    def progress(self, progress: Progress) -> None:
        """See ``WorkerEvents.progress``; a report a minute, too."""
        with self._lock:
            self._progress = progress
            self._committed = self._now()
            self._period.add(progress)
        minute = self._committed // MINUTE
        if minute != self._reported:
            self._reported = minute
            self._tell(progress)

    def reading(self) -> Reading | None:
        """How things stand after the last commit; what is summed up over a minute is of the last
        whole one. None before the first commit. For any thread.
        """
        with self._lock:
            if self._progress is None:
                return None
            period = self._last_period or self._period
            return self._reading(self._progress, period, self._now())

    def totals(self) -> Totals | None:
        """The totals of calls after the last commit, if they are kept. For any thread."""
        with self._lock:
            return None if self._progress is None else self._progress.totals

    def _tell(self, progress: Progress) -> None:
        now = self._now()
        with self._lock:
            reading = self._reading(progress, self._period, now)
            self._last_period, self._period = self._period, Period()
        self._report(reading, now)

    def _reading(self, progress: Progress, period: Period, now: int) -> Reading:
        told = Told(self._committed, self._counts, self._dropped_lines())
        return reading_of(progress, told, period, now)

    def _count(self, name: str, by: int = 1) -> None:
        with self._lock:
            self._counts[name] += by
