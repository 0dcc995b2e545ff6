"""What the next commit gives out and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from worker.events.decode import Delivery, defect_reason
from worker.partition.accounting import ACCOUNTED
from worker.partition.commit_outputs import Outputs, RecordLine
from worker.partition.dead_letters import occurrence_letter, session_letter
from worker.partition.metric_windows import MetricWindows
from worker.partition.series_registry import SeriesBook
from worker.sessions.record import encode_record, to_record
from worker.sessions.resident_session import ResidentSession


class PendingCommit:
    """``counters``: of all commits so far, and of the next one. ``samples`` and ``outputs`` are
    the next one's; the window of ``outputs`` is empty until they are taken.
    """

    def __init__(self, counters: Mapping[str, int], book: SeriesBook, *, timeline: bool) -> None:
        """``timeline``: whether records have one."""
        self.counters: Counter[str] = Counter(dict.fromkeys(ACCOUNTED, 0))
        self.counters.update(counters)
        self.samples = MetricWindows(book)
        self._timeline = timeline
        self.outputs = Outputs()
        self._committed = Counter(self.counters)

    def __bool__(self) -> bool:
        """Whether it gives out anything."""
        out = self.outputs
        return any((self.samples, out.records, out.dead_letters, out.test_ids, out.evicted))

    def dead_letter(self, reason: str, delivery: Delivery) -> None:
        """An occurrence can't be counted as what it is."""
        self.counters["dead_letters"] += 1
        self.outputs.dead_letters.append(occurrence_letter(reason, delivery.place, delivery.data))

    def quarantine(self, resident: ResidentSession, defect: Exception) -> None:
        """The worker failed at a session: all that it would have given out is its log."""
        state = resident.state
        self.outputs.evicted.pop(state.key, None)
        self.counters["sessions_quarantined"] += 1
        self.outputs.quarantined.append(
            session_letter(
                defect_reason(defect), state.key, state.last_arrival, bytes(resident.log)
            )
        )

    def record(self, resident: ResidentSession, *, contiguous: bool) -> None:
        """A session's record, as it is now. ``contiguous``: whether its numbers are taken to be."""
        state = resident.state
        state.recorded = state.count
        analysis = resident.analysis(contiguous=contiguous)
        record = to_record(state, analysis, timeline=self._timeline)
        self.outputs.records.append(
            RecordLine(state.key, state.revision, encode_record(record), state.continued)
        )

    def counted(self) -> dict[str, int]:
        """What the next commit adds to the counters."""
        return dict(self.counters - self._committed)

    def drain(self, *, publish: bool) -> Outputs:
        """All of it; what is to come is the commit's after. Samples wait unless ``publish``."""
        outputs, self.outputs = self.outputs, Outputs()
        self._committed = Counter(self.counters)
        self.samples.count()
        if publish:
            outputs.window = self.samples.drain()
            outputs.waits = self.samples.drain_waits()
        return outputs
