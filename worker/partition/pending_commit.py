"""The outputs and counters of the next commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from worker.events.decode import Delivery, defect_reason
from worker.partition.accounting import ACCOUNTED
from worker.partition.commit_outputs import Outputs, RecordLine
from worker.partition.dead_letters import occurrence_letter, session_letter
from worker.partition.metric_windows import MetricWindows
from worker.partition.rules import Rules
from worker.partition.series_registry import SeriesBook
from worker.sessions.record import encode_record, to_record
from worker.sessions.resident_session import ResidentSession


class PendingCommit:
    """``counters`` are the totals of all commits so far and of the next one. ``samples`` and
    ``outputs`` are the next one's; the window of ``outputs`` is empty until it is drained.
    """

    def __init__(self, counters: Mapping[str, int], book: SeriesBook, rules: Rules) -> None:
        self.counters: Counter[str] = Counter(dict.fromkeys(ACCOUNTED, 0))
        self.counters.update(counters)
        self.samples = MetricWindows(book, keep_slowest=rules.exemplars)
        self._timeline = rules.timeline
        self.outputs = Outputs()
        self._committed = Counter(self.counters)

    def __bool__(self) -> bool:
        """Whether the next commit has any outputs."""
        out = self.outputs
        return bool(
            self.samples or out.records or out.dead_letters or out.test_ids or out.evicted
        )

    def dead_letter(self, reason: str, delivery: Delivery) -> None:
        """Reject to the dead letters an occurrence that can't be counted."""
        self.counters["dead_letters"] += 1
        self.outputs.dead_letters.append(occurrence_letter(reason, delivery.place, delivery.data))

    def quarantine(self, resident: ResidentSession, defect: Exception) -> None:
        """Quarantine a session in which the worker met a defect: only its log is given out."""
        state = resident.state
        self.outputs.evicted.pop(state.key, None)
        self.counters["sessions_quarantined"] += 1
        self.outputs.quarantined.append(
            session_letter(
                defect_reason(defect), state.key, state.last_arrival, bytes(resident.log)
            )
        )

    def record(self, resident: ResidentSession, *, contiguous: bool) -> None:
        """Add a session's record as of now. ``contiguous``: whether its numbers are taken to be."""
        state = resident.state
        state.recorded = state.count
        analysis = resident.analysis(contiguous=contiguous)
        record = to_record(state, analysis, timeline=self._timeline)
        self.outputs.records.append(
            RecordLine(state.key, state.revision, encode_record(record), state.continued)
        )

    def counted(self) -> dict[str, int]:
        """Return the increments of the counters since the last commit."""
        return dict(self.counters - self._committed)

    def drain(self, *, publish: bool) -> Outputs:
        """Drain the outputs; later ones belong to the next commit. Samples stay unless
        ``publish``.
        """
        outputs, self.outputs = self.outputs, Outputs()
        self._committed = Counter(self.counters)
        self.samples.count()
        if publish:
            outputs.window = self.samples.drain()
            outputs.slowest = self.samples.drain_slowest()
            outputs.waits = self.samples.drain_waits()
        return outputs
