"""Selects the sessions that become traces, and makes their requests. Pure.

A request is lines of session records; the sink makes spans of them as it sends them. So removing a
call from lines removes it from requests, too. A trace that arrives twice is stored once, since its
identifiers derive from its session.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from worker.destinations.otlp.identifiers import is_in_share, trace_id_of
from worker.destinations.otlp.spans import is_failure, key_of
from worker.events.event import SessionKey
from worker.outbox.destination import Replacement
from worker.outbox.entries import EntryKind
from worker.outbox.ledger import SampleCounts
from worker.partition.commit_outputs import Outputs
from worker.partition.dead_letters import trace_letter
from worker.sessions.record import decode_record
from worker.sessions.schema import SessionRecord
from worker.sessions.timeline import MAX_ENTRIES, Timeline
from worker.times.rfc3339 import parse_ms

TRACE_KIND: Final[EntryKind] = "traces"

REQUEST_SPANS: Final = 10_000
"""The most spans that X-Ray accepts in a request."""

TRACE_REQUEST_BYTES: Final = 1_000_000
"""The most bytes of records in a request: their spans take about twice that, and X-Ray 5 MB."""

MAX_RANGE: Final = 24 * 3_600_000
"""The longest distance (ms) between the times of a request that X-Ray accepts."""


class TraceSelection(NamedTuple):
    """Selects the sessions that become traces: a ``share`` (0 to 1) of them or, if ``slow_ms`` is
    given, those that failed and those whose longest wait exceeds it.
    """

    share: float = 1.0
    slow_ms: int | None = None

    def takes(self, record: SessionRecord) -> bool:
        """Whether a session becomes a trace."""
        if self.slow_ms is not None:
            waits = record.latency_ms.caller_wait
            return is_failure(record) or (waits is not None and waits.max > self.slow_ms)
        return is_in_share(trace_id_of(key_of(record)), self.share)

    def takes_sample(self, key: SessionKey, metric: str, sample: int) -> bool:
        """Whether the session of a sample becomes a trace, as far as the sample shows: with
        ``slow_ms``, only a longer wait of the caller does.
        """
        if self.slow_ms is not None:
            return metric == "CallerWait" and sample > self.slow_ms
        return is_in_share(trace_id_of(key), self.share)


class TraceRequests(NamedTuple):
    """The ``RequestFormat`` of traces."""

    selection: TraceSelection

    def requests(self, outputs: Outputs) -> Iterator[bytes]:
        """Yield requests of whole sessions, by their close, as full as the limits allow."""
        block = _Block()
        for line in outputs.records:
            record = decode_record(line.line)
            if not self.selection.takes(record):
                continue
            if not block.add(line.line, record):
                yield block.body()
                block = _Block()
                block.add(line.line, record)
        if block.lines:
            yield block.body()

    def split(self, body: bytes) -> Replacement:
        """Return the two halves of a request or, of a single session, a dead letter."""
        lines = body.splitlines(keepends=True)
        if len(lines) == 1:
            return _buried(lines[0], "the receiver of traces calls it invalid")
        middle = len(lines) // 2
        return Replacement((b"".join(lines[:middle]), b"".join(lines[middle:])))

    def too_old(self, body: bytes) -> None:
        """Return None: no receiver calls spans too old."""

    def counts(self, body: bytes) -> SampleCounts:  # noqa: ARG002
        """Return no samples."""
        return ()


class _Block:
    """The records of one request."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self._bytes = self._spans = 0
        self._earliest = self._latest = 0

    def add(self, line: bytes, record: SessionRecord) -> bool:
        """Add a record if there is room, or if it is the first; return whether it was added."""
        started, ended = parse_ms(record.started_at) or 0, parse_ms(record.ended_at) or 0
        size, spans = len(line) + 1, spans_at_most(record)
        if self.lines:
            started, ended = min(started, self._earliest), max(ended, self._latest)
            if (
                self._bytes + size > TRACE_REQUEST_BYTES
                or self._spans + spans > REQUEST_SPANS
                or ended - started > MAX_RANGE
            ):
                return False
        self.lines.append(line)
        self._bytes += size
        self._spans += spans
        self._earliest, self._latest = started, ended
        return True

    def body(self) -> bytes:
        """Return the request's body."""
        return b"".join(line + b"\n" for line in self.lines)


def spans_at_most(record: SessionRecord) -> int:
    """Return an upper bound of a record's spans: one for each part of it, and the root."""
    timeline = record.timeline
    parts = 0 if timeline is None else sum(len(getattr(timeline, kind)) for kind in _PARTS)
    return 1 + len(record.turn_rows) + min(parts, MAX_ENTRIES)


_PARTS: Final = tuple(kind for kind in Timeline.__struct_fields__ if kind != "omitted")


def _buried(line: bytes, reason: str) -> Replacement:
    record = decode_record(line)
    return Replacement((), trace_letter(reason, key_of(record), record.ended_at))
