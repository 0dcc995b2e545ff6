"""What the worker tells its operator, as log lines."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import structlog

from worker.objectstore.retrying import CallFailed
from worker.outbox.entries import DeliveryOutcome, Entry, EntryKind
from worker.outbox.ledger import Note
from worker.service.hooks import WorkerEvents
from worker.service.ports import Progress
from worker.sources.kinesis.notices import BackedOff, FoundAgain, Notice
from worker.state.store import Backlog
from worker.times.rfc3339 import format_ms

_EVERY_S: Final = 60.0

LASTING: Final = 10
"""So many failed calls in a row, some 50 s of them, don't pass by themselves."""


class WorkerLog(WorkerEvents):
    """A worker's events as log lines, and how the command began and ended."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._log = structlog.get_logger("voice_insights")
        self._monotonic = monotonic
        self._next = monotonic()
        self._found_sparse = False

    def test_event(self, test_id: str) -> None:
        """The sink's test event came: its id validates the sink."""
        self._log.info("sink test event", test_id=test_id)

    def gap(self, shard: str) -> None:
        """Records may have been trimmed unread."""
        self._log.error("records may have been lost before they were read", shard=shard)

    def notice(self, notice: Notice) -> None:
        """What the reader tells of shards and failed calls; an error, if it goes on failing."""
        if isinstance(notice, BackedOff):
            lasting = notice.attempt >= LASTING
            self._log.log(
                logging.ERROR if lasting else logging.WARNING,
                "the stream can't be read"
                if lasting and not notice.shard
                else "stream call failed",
                shard=notice.shard or None,
                why=notice.failure.kind.value,
                detail=notice.failure.detail,
                attempt=notice.attempt,
                wait_ms=notice.wait,
            )
        elif isinstance(notice, FoundAgain):
            self._log.info("the stream is found again", attempts=notice.attempts)
        else:
            self._log.info("shard", shard=notice.shard, stage=notice.stage.value)

    def parsed_slowly(self, answers: int) -> None:
        """botocore has parsed so many answers itself; told at the 1st, 10th, 100th and so on."""
        if str(answers).rstrip("0") == "1":
            self._log.warning("the stream's answers are parsed the slow way", answers=answers)

    def sent(self, entry: Entry, outcome: DeliveryOutcome, error: str) -> None:
        """An attempt to send has ended."""
        told = {"entry": entry.id, "kind": entry.kind, "attempt": entry.attempts + 1}
        if outcome is DeliveryOutcome.APPLIED:
            self._log.debug("sent", bytes=len(entry.body), **told)
        else:
            self._log.warning("not sent", outcome=outcome.value, error=error or None, **told)

    def noted(self, note: Note) -> None:
        """Metrics have left for good; a warning, if they may count more often than they should."""
        if note.bound:
            self._log.warning(
                "metrics may count more than once" if note.least else "metrics given up",
                entry=note.entry,
                samples_at_most=note.bound,
                of_one_minute_at_most=note.widest,
                newest_minute=format_ms(note.newest),
            )

    def state_call_failed(self, failed: CallFailed) -> None:
        """A call to the state's bucket failed; it is made again."""
        self._log.warning(
            "state call failed",
            operation=failed.operation,
            object=failed.key,  # a field named key would be hidden
            why=failed.failure.kind.value,
            detail=failed.failure.detail,
            attempt=failed.attempt,
            wait_ms=round(failed.wait_s * 1000),
        )

    def progress(self, progress: Progress) -> None:
        """Told after each commit; a line a minute. A warning once, if the stream's sequence numbers
        don't follow one another.
        """
        if progress.found_sparse and not self._found_sparse:
            self._found_sparse = True
            self._log.warning(
                "sequence numbers don't follow one another; minutes are sent by time alone",
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
            resting=round(progress.rest, 2),
            **progress.counters,
        )

    def started(self, stream: str, sessions: int) -> None:
        """See ``WorkerEvents.started``."""
        self._log.info("started", stream=stream, sessions_restored=sessions)

    def stranded(self, kinds: list[EntryKind]) -> None:
        """See ``WorkerEvents.stranded``."""
        self._log.warning("the outbox has entries for which there is no destination", kinds=kinds)

    def served(self, port: int) -> None:
        """Where health and metrics can be asked for."""
        self._log.info("health served", port=port)

    def stopped(self, backlog: Backlog) -> None:
        """The end, in good order."""
        self._log.info("stopped", left_in_outbox=backlog.entries, ambiguous=backlog.ambiguous)

    def not_reached(self, wait_s: float) -> None:
        """The stream did not answer at the start; it is asked again after ``wait_s``."""
        self._log.warning("stream not reached yet", wait_ms=round(wait_s * 1000))

    def never_began(self) -> None:
        """Told to stop while the stream could not be reached yet."""
        self._log.info("stopped before it had begun")

    def failed(self, error: str) -> None:
        """What ended the worker, and what may be done about it."""
        self._log.error("stopped", error=error)

    def crashed(self) -> None:
        """A defect, with the traceback that is being handled."""
        self._log.error("crashed", exc_info=True)
