"""What the bridge tells its operator, as log lines: calls by their ids, never what was said."""

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
    Gap,
    ListRead,
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
    """A bridge's notices as log lines, and how the command began and ended. Of lines that tell the
    same again and again most are left out, and their number is told.
    """

    def __init__(self, clocks: Clocks) -> None:
        self._log = structlog.get_logger("voice_insights")
        self._monotonic = clocks.monotonic
        self._next = clocks.monotonic()
        self._repeats = RepeatLimit(clocks.monotonic)

    def __call__(self, notice: BridgeNotice) -> None:
        """Take a notice."""
        tell = _TOLD.get(type(notice))
        if tell is not None:
            tell(self, notice)

    def served(self, port: int) -> None:
        """Where health and metrics can be asked for."""
        self._log.info("health served", port=port)

    def stopped(self) -> None:
        """The end, in good order."""
        self._log.info("stopped")

    def failed(self, error: str) -> None:
        """What ended the bridge, and what may be done about it."""
        self._log.error(LogLine.STOPPED.value, error=error)

    def crashed(self) -> None:
        """A defect, with the traceback that is being handled."""
        self._log.error(LogLine.CRASHED.value, exc_info=True)

    def _started(self, notice: Started) -> None:
        self._log.info("started", stream=notice.stream, calls_unfinished=notice.unfinished)

    def _listed(self, notice: ListRead) -> None:
        if notice.found:
            self._log.info("calls found", listed=notice.calls, new=notice.found)

    def _live(self, notice: FollowingLive) -> None:
        self._log.debug("following", call=notice.call)

    def _finished(self, notice: CallFinished) -> None:
        self._log.debug("call finished", call=notice.call, skipped=notice.skipped)

    def _dropped(self, notice: EntryDropped) -> None:
        self._log.debug("entries of an unmapped type", type=notice.name)

    def _request_failed(self, notice: RequestFailed) -> None:
        fields = {
            "of": notice.of,
            "why": notice.failure.kind.value,
            "detail": notice.failure.detail,
            "attempt": notice.attempt,
            "wait_ms": round(1000 * notice.wait_s),
        }
        if notice.of == FLOOR:
            self._log.debug("no hints of new calls", **fields)
        elif notice.of != LIST:
            self._warning(LogLine.LOG_NOT_READ, notice.failure.kind, fields)
        elif notice.attempt >= LASTING:
            self._tell(self._log.error, LogLine.PINECALL_NOT_READ, notice.failure.kind, fields)
        else:
            self._warning(LogLine.PINECALL_NOT_READ, notice.failure.kind, fields)

    def _gap(self, notice: Gap) -> None:
        if not notice.read:
            self._warning(LogLine.LOG_LOST, None, {"call": notice.call})

    def _expired(self, notice: CallExpired) -> None:
        fields = {"call": notice.call, "recording": notice.place, "events": notice.events}
        self._log.warning(LogLine.CALL_EXPIRED.value, **fields)

    def _given_up(self, notice: CallGivenUp) -> None:
        self._log.warning(LogLine.CALL_GIVEN_UP.value, call=notice.call, why=notice.why)

    def _not_put(self, notice: PutFailed) -> None:
        write = self._log.error if notice.attempt >= LASTING else self._log.warning
        wait_ms = round(1000 * notice.wait_s)
        fields = {"error": notice.error, "attempt": notice.attempt, "wait_ms": wait_ms}
        self._tell(write, LogLine.NOT_PUT, None, fields)

    def _refused(self, notice: RecordRefused) -> None:
        self._warning(LogLine.RECORD_REFUSED, None, {"call": notice.call, "why": notice.why})

    def _checkpoint_failed(self, notice: CheckpointCallFailed) -> None:
        failed = notice.failed
        fields = {
            "operation": failed.operation,
            "object": failed.key,
            "why": failed.failure.kind.value,
            "detail": failed.failure.detail,
            "attempt": failed.attempt,
            "wait_ms": round(1000 * failed.wait_s),
        }
        self._warning(LogLine.STATE_CALL_FAILED, failed.failure.kind, fields)

    def _stands(self, notice: Standing) -> None:
        now = self._monotonic()
        if now < self._next:
            return
        self._next = now + _EVERY_S
        self._log.info(
            "progress",
            calls_followed=notice.followed,
            calls_waiting=notice.waiting,
            calls_failing=notice.failing,
            put_age_ms=notice.oldest_put,
            lines_left_out=self._repeats.take_untold(),
        )

    def _warning(self, line: LogLine, alike: Hashable, fields: dict[str, Any]) -> None:
        self._tell(self._log.warning, line, alike, fields)

    def _tell(
        self, write: Callable[..., object], line: LogLine, alike: Hashable, fields: dict[str, Any]
    ) -> None:
        left_out = self._repeats.admit((line, alike))
        if left_out is None:
            return
        if left_out:
            fields["left_out"] = left_out
        write(line.value, **fields)


_TOLD: Final[dict[type[BridgeNotice], Callable[[BridgeLog, Any], None]]] = {
    Started: BridgeLog._started,
    ListRead: BridgeLog._listed,
    FollowingLive: BridgeLog._live,
    CallFinished: BridgeLog._finished,
    EntryDropped: BridgeLog._dropped,
    RequestFailed: BridgeLog._request_failed,
    Gap: BridgeLog._gap,
    CallExpired: BridgeLog._expired,
    CallGivenUp: BridgeLog._given_up,
    PutFailed: BridgeLog._not_put,
    RecordRefused: BridgeLog._refused,
    CheckpointCallFailed: BridgeLog._checkpoint_failed,
    Standing: BridgeLog._stands,
}
