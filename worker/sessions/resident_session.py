"""A session in memory: its state, its packed events, and the detection of repeats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, get_args

from worker.events.event import Event
from worker.sessions.analysis import SessionAnalysis, analyse
from worker.sessions.conversation_walk import ConversationWalk
from worker.sessions.event_log import (
    Identity,
    LoggedEvent,
    LogRange,
    identity,
    is_linked,
    logged_event,
    pack_events,
    text_of,
    unpack_log,
)
from worker.sessions.event_walk import CONFIGURING
from worker.sessions.named_predecessors import NamedPredecessors
from worker.sessions.number_runs import NumberRuns
from worker.sessions.samples import Samples
from worker.sessions.sequence_numbers import are_sparse
from worker.sessions.state import Closed, Session
from worker.times.minutes import AFTER_ALL, BEFORE_ALL

Arrival = Literal["folded", "duplicate", "earlier", "conflict", "cut"]
"""The result of adding an event. An earlier one is a duplicate that is read after, and arrived
before, the event that it repeats.
"""
ARRIVALS: Final[tuple[Arrival, ...]] = get_args(Arrival)


class _Index:
    """A log's contents by identity: the payloads, and the delay in ms of the earliest arrival."""

    __slots__ = ("_delays", "_payloads")

    def __init__(self, rows: Iterable[LoggedEvent]) -> None:
        self._delays: dict[Identity, int] = {}
        self._payloads: set[tuple[Identity, str]] = set()
        self.note(rows)

    def note(self, rows: Iterable[LoggedEvent]) -> None:
        """Add rows of the log: all of them or, if one has a defect, none."""
        for one, text, delay in [(identity(row), text_of(row), row.delay) for row in rows]:
            self._delays[one] = min(self._delays.get(one, delay), delay)
            self._payloads.add((one, text))

    def find(self, row: LoggedEvent) -> Arrival:
        """Return "folded" for a new identity, else how the row relates to those known."""
        one = identity(row)
        delay = self._delays.get(one)
        if delay is None:
            return "folded"
        if (one, text_of(row)) not in self._payloads:
            return "conflict"
        return "earlier" if row.delay < delay else "duplicate"


AppendedEvents = list[tuple[int, list[bytes]]]
"""Events appended to sessions: the session's number, and each event as its log encodes it."""


class ResidentSession:
    """A session in memory: its state, its log, and the means to find repeats quickly."""

    __slots__ = (
        *("_analysis", "_appended", "_base", "_emitted", "_index", "_runs", "_runs_of", "_seen"),
        *("due", "log", "notable_before", "number", "open", "resettled", "shard", "state"),
        *("summary", "turn_walk"),
    )

    def __init__(
        self,
        state: Session,
        log: bytes | bytearray = b"",
        number: int = 0,
        appended: AppendedEvents | None = None,
    ) -> None:
        state.key = state.key.shared()
        self.state: Final = state
        """The session's state after all of its events."""
        self._base = state.base
        self._appended: AppendedEvents = [] if appended is None else appended
        """Receives the session's new events, for the next commit."""
        self.number = number
        """The session's number in deltas."""
        self.open = state.closed is None
        """The state's openness, which folding can read without touching the state."""
        self.notable_before = BEFORE_ALL if self.open else AFTER_ALL
        """An event that arrives before this time (epoch ms) matters to more than the session: none
        while the session is open without a wrap-up, then any that may bring its close forward, and
        all once it has closed.
        """
        self.due = AFTER_ALL
        """When the session's close is checked next (epoch ms)."""
        self.shard: str | None = ""
        """The shard of the session's events; empty before the first one, None if there are
        several.
        """
        self.log = log or bytearray()
        """The log object as given until an event arrives: a restored log isn't copied
        needlessly.
        """
        self._index: _Index | None = None
        self._seen: int | None = None if log else 0
        self._analysis: SessionAnalysis | None = None
        self._emitted = _NOTHING
        """Events that direct samples no longer need: they were emitted, and set no context."""
        self.resettled = bool(log)
        """Whether an emitted event may have changed since direct samples were last emitted."""
        self.summary: Samples | None = None
        """The per-session samples of the first close, once computed."""
        self._runs: NumberRuns | None = None
        """The runs of the sequence numbers; None until first needed, which is never in an offline
        replay.
        """
        self._runs_of = 0, 0
        """The events that the runs include, and the bytes of the log that these take."""
        self.turn_walk: tuple[int, ConversationWalk] | None = None
        """A walk through all events before a time (epoch ms), before which no event has arrived
        since.
        """

    @property
    def runs(self) -> NumberRuns:
        """The runs of the sequence numbers of all events."""
        runs, count = self._runs, self.state.count
        if runs is None:
            runs = self._runs = NamedPredecessors() if is_linked(self.log) else NumberRuns()
            self._runs_of = 0, 0
        known, size = self._runs_of
        if count > known:
            runs.take_in(unpack_log(self.log[size:], count - known))
            self._runs_of = count, len(self.log)
        if runs.repeated:
            runs.resolve(self.rows())
        return runs

    def is_sparse(self) -> bool:
        """Whether so many numbers are absent that they can't be contiguous."""
        return are_sparse(self.rows())

    def close(self, closed: Closed) -> None:
        """Close the session for the first time."""
        state = self.state
        state.closed = closed
        state.revision = state.continued + 1
        self.open, self.notable_before = False, AFTER_ALL
        self._analysis = self._runs = None

    def rows(self) -> list[LoggedEvent]:
        """Return all events, in the order of their arrival."""
        return unpack_log(self.log, self.state.count)

    def rows_to_emit(self) -> tuple[list[LoggedEvent], int]:
        """Return the events that may still matter to direct samples, in the order of their arrival,
        and the number of those left out.
        """
        emitted = self._emitted
        return emitted.left_out(self.log, self.state.count), emitted.last - emitted.first

    def mark_rows_emitted(self, rows: list[LoggedEvent], before: int) -> None:
        """Note that all direct samples of ``rows`` before that time (epoch ms) are being emitted;
        ``rows`` are those of ``rows_to_emit``.
        """
        self._emitted = self._emitted.extended(
            self.log, rows, before - self.state.base, CONFIGURING
        )

    def analysis(self, *, contiguous: bool) -> SessionAnalysis:
        """Return the analysis of all events as of now, kept until ``forget_analysis``.
        ``contiguous``: see ``analyse``.
        """
        state, kept = self.state, self._analysis
        if kept is None or kept.contiguous != contiguous:
            closing = state.closed is not None
            kept = analyse(self.rows(), state.base, closing=closing, contiguous=contiguous)
            self._analysis = kept
        return kept

    def analysis_of(self, count: int, *, closing: bool, contiguous: bool) -> SessionAnalysis:
        """Return the analysis of the first ``count`` events to arrive, with or without the
        close.
        """
        if count == self.state.count and closing == (self.state.closed is not None):
            return self.analysis(contiguous=contiguous)
        rows = self.rows()[:count]
        return analyse(rows, self.state.base, closing=closing, contiguous=contiguous)

    def forget_analysis(self) -> None:
        """Drop the kept analysis: it is many times the size of the log."""
        self._analysis = None

    def add_new(self, events: Sequence[Event], most: int) -> int:
        """Append events that arrived as long as they are plainly new, if the session has room for
        them among ``most``; return how many these are. Of the next one ``add`` can tell.
        """
        before = seen = self._prepare() if self._seen is None else self._seen
        for event in events:
            after = seen | 1 << (event.sequence_number & _BITS)
            if after == seen:
                break
            seen = after
        new = seen.bit_count() - before.bit_count()
        if not new or not self._append(events[:new], most):
            return 0
        self._seen = seen
        return new

    def add(self, event: Event, most: int) -> Arrival:
        """Append an event that arrived, unless it is known or the session already has ``most``
        events.
        """
        seen = self._prepare() if self._seen is None else self._seen
        bit = 1 << (event.sequence_number & _BITS)
        known = self._find(event) if seen & bit else "folded"
        if known == "duplicate":
            return known
        before = self.state.count
        if not self._append((event,), most):
            return self._refuse(known)
        if known != "folded":
            self._repeated(known, event, before)
        self._seen = seen | bit
        return known

    def _append(self, events: Sequence[Event], most: int) -> bool:
        """Append events; do nothing and return False if there isn't room for all of them."""
        packed = pack_events(events, self._base)
        added = b"".join(packed)
        if self.state.count + len(events) > most or len(self.log) + len(added) > MAX_LOG_BYTES:
            return False
        if self._index is not None:  # first, since it may meet a defect
            self._index.note([logged_event(event, self._base) for event in events])
        self.log += added
        self._appended.append((self.number, packed))
        self.state.take_in(events)
        self._analysis = None
        return True

    def _refuse(self, known: Arrival) -> Arrival:
        """Refuse an event for which there is no room."""
        if known == "earlier":
            return "duplicate"
        self.state.cut += 1
        return "cut"

    def _repeated(self, known: Arrival, event: Event, before: int) -> None:
        """Note an event that has the identity of one of the ``before`` events before it."""
        state = self.state
        if event.timestamp < state.direct.before:
            self.resettled = True
        if known == "earlier":
            # no record shows arrival times: this event makes no revision, and a record that is up
            # to date remains so
            state.revision -= state.closed is not None
            state.recorded += state.recorded == before

    def _prepare(self) -> int:
        """Prepare a restored session for new events; return the bits of its sequence numbers."""
        self.log = bytearray(self.log)
        seen = 0
        for bit in {row.sequence_number & _BITS for row in self.rows()}:
            seen |= 1 << bit
        self._seen = seen
        return seen

    def _find(self, event: Event) -> Arrival:
        row = logged_event(event, self._base)
        if self._index is not None:
            return self._index.find(row)
        if self.state.count > _SCANNED:
            self._index = _Index(self.rows())
            return self._index.find(row)
        number = row.sequence_number
        return _Index([one for one in self.rows() if one.sequence_number == number]).find(row)


_NOTHING: Final = LogRange()

MAX_LOG_BYTES: Final = 4 << 20
"""The limit on a session's packed events, in bytes; ``max_events`` of usual size take less."""

_BITS: Final = 4095
"""Sequence numbers are first compared by these low bits."""

_SCANNED: Final = 256
"""Up to this many events a repeat is found by unpacking the log; beyond, by an index."""
