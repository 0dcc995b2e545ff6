"""A bridge's notices as log lines: calls by their ids, never their content."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final

import structlog

from worker.pinecall.discovery import FLOOR, LIST
from worker.pinecall.notices import (
    BridgeNotice,
    CallExpired,
    CallFinished,
    CallGivenUp,
    CheckpointCallFailed,
    EntryDropped,
    FollowingLive,
    ListRead,
    LogGap,
    PutFailed,
    RecordRefused,
    RequestFailed,
    Standing,
    Started,
)
from worker.service.ports import Clocks
from worker.telemetry.log_lines import LogLine
from worker.telemetry.readiness import LASTING
from worker.telemetry.repeats import RepeatLimit

_EVERY_S: Final = 60.0


class BridgeLog:
    """Logs a bridge's notices, and how the command began and ended.

    Most repeats of a line are left out, and their number is logged.
    """

    def __init__(self, clocks: Clocks) -> None:
        self._log = structlog.get_logger("voice_insights")
        self._monotonic = clocks.monotonic
        self._next = clocks.monotonic()
        self._repeats = RepeatLimit(clocks.monotonic)

    def __call__(self, reader_event: BridgeNotice) -> None:
        """Log a notice."""
        write = _LINES.get(type(reader_event))
        if write is not None:
            write(self, reader_event)

    def served(self, port: int) -> None:
        """Log the port that serves health and metrics."""
        self._log.info("health served", port=port)

    def stopped(self) -> None:
        """Log an orderly end."""
        self._log.info("stopped")

    def failed(self, error: str) -> None:
        """Log the error that ended the bridge, which says what may be done about it."""
        self._log.error(LogLine.STOPPED.value, error=error)

    def crashed(self) -> None:
        """Log a defect, with the traceback of the exception being handled."""
        self._log.error(LogLine.CRASHED.value, exc_info=True)

    def _started(self, reader_event: Started) -> None:
        self._log.info(
            "started", stream=reader_event.stream, calls_unfinished=reader_event.unfinished
        )

    def _listed(self, reader_event: ListRead) -> None:
        if reader_event.found:
            self._log.info("calls found", listed=reader_event.calls, new=reader_event.found)

    def _live(self, reader_event: FollowingLive) -> None:
        self._log.debug("following", call=reader_event.call)

    def _finished(self, reader_event: CallFinished) -> None:
        self._log.debug("call finished", call=reader_event.call, skipped=reader_event.skipped)

    def _dropped(self, reader_event: EntryDropped) -> None:
        self._log.debug("entries of an unmapped type", type=reader_event.name)

    def _request_failed(self, reader_event: RequestFailed) -> None:
        fields = {
            "of": reader_event.of,
            "why": reader_event.failure.kind.value,
            "detail": reader_event.failure.detail,
            "attempt": reader_event.attempt,
            "wait_ms": round(1000 * reader_event.wait_s),
        }
        if reader_event.of == FLOOR:
            self._log.debug("no hints of new calls", **fields)
        elif reader_event.of != LIST:
            self._warning(LogLine.LOG_NOT_READ, reader_event.failure.kind, fields)
        elif reader_event.attempt >= LASTING:
            self._notify(
                self._log.error, LogLine.PINECALL_NOT_READ, reader_event.failure.kind, fields
            )
        else:
            self._warning(LogLine.PINECALL_NOT_READ, reader_event.failure.kind, fields)

    def _gap(self, reader_event: LogGap) -> None:
        if not reader_event.read:
            self._warning(LogLine.LOG_LOST, None, {"call": reader_event.call})

    def _expired(self, reader_event: CallExpired) -> None:
        fields = {
            "call": reader_event.call,
            "recording": reader_event.place,
            "events": reader_event.events,
        }
        self._log.warning(LogLine.CALL_EXPIRED.value, **fields)

    def _given_up(self, reader_event: CallGivenUp) -> None:
        self._log.warning(LogLine.CALL_GIVEN_UP.value, call=reader_event.call, why=reader_event.why)

    def _not_put(self, reader_event: PutFailed) -> None:
        write = self._log.error if reader_event.attempt >= LASTING else self._log.warning
        wait_ms = round(1000 * reader_event.wait_s)
        fields = {"error": reader_event.error, "attempt": reader_event.attempt, "wait_ms": wait_ms}
        self._notify(write, LogLine.NOT_PUT, None, fields)

    def _refused(self, reader_event: RecordRefused) -> None:
        self._warning(
            LogLine.RECORD_REFUSED, None, {"call": reader_event.call, "why": reader_event.why}
        )

    def _checkpoint_failed(self, reader_event: CheckpointCallFailed) -> None:
        failed = reader_event.failed
        fields = {
            "operation": failed.operation,
            "object": failed.key,
            "why": failed.failure.kind.value,
            "detail": failed.failure.detail,
            "attempt": failed.attempt,
            "wait_ms": round(1000 * failed.wait_s),
        }
        self._warning(LogLine.STATE_CALL_FAILED, failed.failure.kind, fields)

    def _stands(self, reader_event: Standing) -> None:
        now = self._monotonic()
        if now < self._next:
            return
        self._next = now + _EVERY_S
        self._log.info(
            "progress",
            calls_followed=reader_event.followed,
            calls_waiting=reader_event.waiting,
            calls_failing=reader_event.failing,
            put_age_ms=reader_event.oldest_put,
            lines_left_out=self._repeats.drain_left_out(),
        )

    def _warning(self, line: LogLine, alike: Hashable, fields: dict[str, Any]) -> None:
        self._notify(self._log.warning, line, alike, fields)

    def _notify(
        self, write: Callable[..., object], line: LogLine, alike: Hashable, fields: dict[str, Any]
    ) -> None:
        left_out = self._repeats.admit((line, alike))
        if left_out is None:
            return
        if left_out:
            fields["left_out"] = left_out
        write(line.value, **fields)


_LINES: Final[dict[type[BridgeNotice], Callable[[BridgeLog, Any], None]]] = {
    Started: BridgeLog._started,
    ListRead: BridgeLog._listed,
    FollowingLive: BridgeLog._live,
    CallFinished: BridgeLog._finished,
    EntryDropped: BridgeLog._dropped,
    RequestFailed: BridgeLog._request_failed,
    LogGap: BridgeLog._gap,
    CallExpired: BridgeLog._expired,
    CallGivenUp: BridgeLog._given_up,
    PutFailed: BridgeLog._not_put,
    RecordRefused: BridgeLog._refused,
    CheckpointCallFailed: BridgeLog._checkpoint_failed,
    Standing: BridgeLog._stands,
}
