"""The worker's log lines for its operator."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final

import structlog

from worker.objectstore.retrying import CallFailed
from worker.outbox.entries import DeliveryOutcome, Entry, EntryKind
from worker.outbox.ledger import Note
from worker.service.hooks import WorkerEvents
from worker.service.ports import Clocks, WorkerStatus
from worker.sources.kinesis.clocks import AGREE_WITHIN
from worker.sources.kinesis.reader_events import BackedOff, ClocksDiffer, FoundAgain, ReaderEvent
from worker.state.store import Backlog
from worker.telemetry.log_lines import LogLine
from worker.telemetry.readiness import LASTING
from worker.telemetry.repeats import RepeatLimit
from worker.times.rfc3339 import format_ms

_EVERY_S: Final = 60.0


class WorkerLog(WorkerEvents):
    """Logs a worker's events, and how the command began and ended.

    Most repeats of a line are left out; a later line carries their number.
    """

    def __init__(self, clocks: Clocks) -> None:
        self._log = structlog.get_logger("voice_insights")
        self._now = clocks.now
        self._monotonic = clocks.monotonic
        self._next = clocks.monotonic()
        self._repeats = RepeatLimit(clocks.monotonic)
        self._begun = False
        self._found_sparse = False

    def test_event(self, test_id: str) -> None:
        """Log the sink's test event: its id validates the sink."""
        self._log.info("sink test event", test_id=test_id)

    def gap(self, shard: str) -> None:
        """Log a gap: records may have been trimmed unread."""
        self._error(LogLine.RECORDS_LOST, shard, shard=shard)

    def reader_event(self, reader_event: ReaderEvent) -> None:
        """Log a shard's stage, a clock doubt or a failed call; lasting failures are errors."""
        if isinstance(reader_event, BackedOff):
            self._backed_off(reader_event)
        elif isinstance(reader_event, ClocksDiffer):
            self._warning(
                LogLine.CLOCKS_DIFFER,
                None,
                shard=reader_event.shard or None,
                service=format_ms(reader_event.doubt.server),
                machine=format_ms(reader_event.doubt.machine),
                apart_ms=reader_event.doubt.apart,
            )
        elif isinstance(reader_event, FoundAgain):
            self._log.info("the stream is reached again", attempts=reader_event.attempts)
        else:
            self._log.info("shard", shard=reader_event.shard, stage=reader_event.stage.value)

    def parsed_slowly(self, answers: int) -> None:
        """Log that botocore has parsed ``answers`` answers itself: at 1, 10, 100 and so on."""
        if str(answers).rstrip("0") == "1":
            self._warning(LogLine.PARSED_SLOWLY, None, answers=answers)

    def sent(self, entry: Entry, outcome: DeliveryOutcome, error: str) -> None:
        """Log the outcome of an attempt to send. One that was applied has an ``error`` if a part of
        it is lost.
        """
        attempt = {"entry": entry.id, "kind": entry.kind, "attempt": entry.attempts + 1}
        if outcome is DeliveryOutcome.APPLIED and not error:
            self._log.debug("sent", bytes=len(entry.body), **attempt)
        else:
            alike = (entry.kind, outcome)
            self._warning(
                LogLine.NOT_SENT, alike, outcome=outcome.value, error=error or None, **attempt
            )

    def noted(self, note: Note) -> None:
        """Log a warning for a request that has ended if its metrics may be missing, or may be
        counted more than once.
        """
        if note.bound:
            self._warning(
                LogLine.MAY_COUNT_TWICE if note.min_count else LogLine.GIVEN_UP,
                None,
                entry=note.entry,
                samples_at_most=note.bound,
                of_one_minute_at_most=note.largest,
                newest_minute=format_ms(note.newest),
            )

    def state_call_failed(self, failed: CallFailed) -> None:
        """Log a failed call to the state's bucket, which is retried."""
        self._warning(
            LogLine.STATE_CALL_FAILED,
            (failed.operation, failed.failure.kind),
            operation=failed.operation,
            at=failed.url,
            object=failed.key,  # a field named key would be hidden
            why=failed.failure.kind.value,
            detail=failed.failure.detail,
            attempt=failed.attempt,
            wait_ms=round(failed.wait_s * 1000),
        )

    def progress(self, progress: WorkerStatus) -> None:
        """Log progress once a minute, and once a warning if the stream's sequence numbers are
        sparse. Called after each commit.
        """
        if progress.found_sparse and not self._found_sparse:
            self._found_sparse = True
            self._warning(
                LogLine.SPARSE,
                None,
                sessions_closed=progress.counters.get("sessions_closed", 0),
                sparse=progress.counters.get("sparse_sessions", 0),
            )
        now = self._monotonic()
        if now < self._next:
            return
        self._next = now + _EVERY_S
        stream_time = progress.stream_time
        self._log.info(
            "progress",
            stream_time=None if stream_time is None else format_ms(stream_time),
            behind_ms=progress.behind_ms,
            sessions_held=progress.sessions,
            outbox=progress.backlog.entries,
            outbox_bytes=progress.backlog.size,
            ambiguous=progress.backlog.ambiguous,
            backpressure=round(progress.backpressure, 2),
            lines_left_out=self._repeats.drain_left_out(),
            **progress.counters,
        )
        if stream_time is not None and stream_time > self._now() + AGREE_WITHIN:
            self._warning(
                LogLine.TIME_AHEAD,
                None,
                stream_time=format_ms(stream_time),
                machine=format_ms(self._now()),
                apart_ms=stream_time - self._now(),
            )

    def put_failed(self, reason: str, attempt: int) -> None:
        """Log records that the keyed stream did not accept, and that are put again."""
        self._warning(LogLine.NOT_ROUTED, None, why=reason, attempt=attempt)

    def bucket_taken(self, bucket: int) -> None:
        """Log that a bucket is served by this task from now on."""
        self._log.info("bucket taken", bucket=bucket)

    def bucket_left(self, bucket: int) -> None:
        """Log that a bucket is served by this task no more."""
        self._log.info("bucket left", bucket=bucket)

    def started(self, stream: str, sessions: int) -> None:
        """See ``WorkerEvents.started``."""
        self._begun = True
        self._log.info("started", stream=stream, sessions_restored=sessions)

    def stranded(self, kinds: list[EntryKind]) -> None:
        """See ``WorkerEvents.stranded``."""
        self._warning(LogLine.STRANDED, None, kinds=kinds)

    def served(self, port: int, page: bool, page_setting: str) -> None:
        """Log the port that serves health and metrics, and whether it serves the page."""
        on_request = not page and page_setting == "auto"
        fields = {"to_see_it": "set page to on; it has no authentication"} if on_request else {}
        self._log.info("health served", port=port, page="on" if page else "off", **fields)

    def page_failed(self, path: str) -> None:
        """Log a view of the page that could not be made, with the exception being handled."""
        self._error(LogLine.PAGE_FAILED, path, path=path, exc_info=True)

    def stopped(self, backlog: Backlog) -> None:
        """Log an orderly end."""
        self._log.info("stopped", left_in_outbox=backlog.entries, ambiguous=backlog.ambiguous)

    def ended(self) -> None:
        """Log an orderly end of a fleet's task, whose buckets have all been left."""
        self._log.info("stopped")

    def never_began(self) -> None:
        """Log that the worker was asked to stop before it had reached its stream."""
        self._log.info("stopped before the stream was reached")

    def failed(self, error: str) -> None:
        """Log the error that ended the worker, which says what may be done about it."""
        self._log.error(LogLine.STOPPED.value, error=error)

    def crashed(self) -> None:
        """Log a defect, with the traceback of the exception being handled."""
        self._log.error(LogLine.CRASHED.value, exc_info=True)

    def _backed_off(self, reader_event: BackedOff) -> None:
        lasting = reader_event.attempt >= LASTING
        if reader_event.shard:
            line = LogLine.STREAM_CALL_FAILED
        elif not self._begun:
            line = LogLine.NOT_REACHED
        else:
            line = LogLine.STREAM_LOST if lasting else LogLine.STREAM_CALL_FAILED
        (self._error if lasting else self._warning)(
            line,
            reader_event.failure.kind,
            shard=reader_event.shard or None,
            why=reader_event.failure.kind.value,
            detail=reader_event.failure.detail,
            attempt=reader_event.attempt,
            wait_ms=reader_event.wait,
        )

    def _warning(self, line: LogLine, alike: Hashable, /, **fields: Any) -> None:
        """``alike``: lines with an equal value count as repeats of each other."""
        self._write(self._log.warning, line, alike, fields)

    def _error(self, line: LogLine, alike: Hashable, /, **fields: Any) -> None:
        self._write(self._log.error, line, alike, fields)

    def _write(
        self, write: Callable[..., object], line: LogLine, alike: Hashable, fields: dict[str, Any]
    ) -> None:
        left_out = self._repeats.admit((line, alike))
        if left_out is None:
            return
        if left_out:
            fields["left_out"] = left_out
        write(line.value, **fields)
