"""A session as the worker holds it: its state, its packed events, and a search for repeats."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, get_args

from worker.events.event import Event
from worker.events.payload import canonical_json
from worker.sessions.analysis import SessionAnalysis, analyse
from worker.sessions.conversation_walk import ConversationWalk
from worker.sessions.event_log import (
    Identity,
    LoggedEvent,
    LogRange,
    identity,
    logged_event,
    pack_event,
    unpack_log,
)
from worker.sessions.event_walk import CONFIGURING
from worker.sessions.number_runs import NumberRuns
from worker.sessions.samples import Samples
from worker.sessions.sequence_numbers import numbers_of
from worker.sessions.state import Closed, Session
from worker.times.minutes import AFTER_ALL, BEFORE_ALL

Arrival = Literal["folded", "duplicate", "earlier", "conflict", "cut"]
"""What became of an event that arrived. An earlier one is a duplicate that is read later than its
like, and arrived before it.
"""
ARRIVALS: Final[tuple[Arrival, ...]] = get_args(Arrival)


class _Index:
    """What a log has, by identity: the payloads, and the earliest arrival's delay in ms."""

    __slots__ = ("_delays", "_payloads")

    def __init__(self, rows: Iterable[LoggedEvent]) -> None:
        self._delays: dict[Identity, int] = {}
        self._payloads: set[tuple[Identity, str]] = set()
        for row in rows:
            self.note(row)

    def note(self, row: LoggedEvent) -> None:
        """The log has this row, too."""
        one = identity(row)
        self._delays[one] = min(self._delays.get(one, row.delay), row.delay)
        self._payloads.add((one, canonical_json(row.payload)))

    def find(self, row: LoggedEvent) -> Arrival:
        """Folded for an identity that is new, else whether its payload is known, too."""
        one = identity(row)
        delay = self._delays.get(one)
        if delay is None:
            return "folded"
        if (one, canonical_json(row.payload)) not in self._payloads:
            return "conflict"
        return "earlier" if row.delay < delay else "duplicate"


AppendedEvents = list[tuple[int, bytes]]
"""Events that sessions have taken in: whose number it has, and the event as its log has it."""


class ResidentSession:
    """A session in memory: its state, its log, and what finds repeats in it quickly.

    An event is put into the log at once, but what it brings to the state is worked out when that
    is next looked at: of many events together, and in one piece of memory where it can be.
    """

    __slots__ = (
        *("_base", "_counted", "_events", "_grown", "_analysis", "_index", "_runs", "_seen"),
        *("_state", "_told", "due", "log", "notable_before", "number", "open", "resettled"),
        *("shard", "summary", "turn_walk"),
    )

    def __init__(
        self,
        state: Session,
        log: bytes | bytearray = b"",
        number: int = 0,
        grown: AppendedEvents | None = None,
    ) -> None:
        self._state = state
        state.key = state.key.shared()
        self._base = state.base
        self._events = state.count
        """How many the log has."""
        self._counted = 0
        """How many bytes of the log the state has been told of, once it can take events in."""
        self._grown: AppendedEvents = [] if grown is None else grown
        """Where its events go for the next commit to tell."""
        self.number = number
        """What deltas know it by."""
        self.open = state.closed is None
        """As the state has it, which folding need not fetch for that."""
        self.notable_before = BEFORE_ALL if self.open else AFTER_ALL
        """What arrives before that (epoch ms) matters to more than the session: nothing while it is
        open without a wrap-up, then what may bring its close forward, and all once it has closed.
        """
        self.due = AFTER_ALL
        """When its close is looked at next (epoch ms)."""
        self.shard: str | None = ""
        """The shard that its events came from; empty before one came, None if they are several."""
        self.log = log or bytearray()
        """As it was given until an event comes: a restored log isn't copied for nothing."""
        self._index: _Index | None = None
        self._seen: int | None = None if log else 0
        self._analysis: SessionAnalysis | None = None
        self._told = _NOTHING
        """Events that direct samples no longer need: they were told, and set no context."""
        self.resettled = bool(log)
        """Whether a told event may have changed since direct samples were told last."""
        self.summary: Samples | None = None
        """The per-session samples of its first close, if they have been worked out."""
        self._runs: NumberRuns | None = None
        """Of its sequence numbers; None until asked for, which no offline replay does."""
        self.turn_walk: tuple[int, ConversationWalk] | None = None
        """A walk through all events before a time (epoch ms), none of which has come since."""

    @property
    def state(self) -> Session:
        """Its state after all of its events."""
        if self._events != self._state.count:
            self._analysis = None
            new = unpack_log(self.log[self._counted :], self._events - self._state.count)
            self._state.take_in(new)
            self._counted = len(self.log)
            if self._runs is not None:
                self._runs.take_in(new)
        return self._state

    @property
    def runs(self) -> NumberRuns:
        """What is known of the sequence numbers of all of its events."""
        runs = self._runs
        if runs is None:
            runs = self._runs = NumberRuns()
            if self._state.count:
                runs.take_in(self.rows()[: self._state.count])
        _ = self.state  # which takes in what is new
        if runs.repeated:
            runs.resolve(self.rows())
        return runs

    def is_sparse(self) -> bool:
        """Whether so many of its numbers are absent that they can't follow one another."""
        return numbers_of(self.rows()).sparse

    def close(self, closed: Closed) -> None:
        """It closes for the first time."""
        state = self.state
        state.closed = closed
        state.revision = state.continued + 1
        self.open, self.notable_before = False, AFTER_ALL
        self._analysis = self._runs = None

    def rows(self) -> list[LoggedEvent]:
        """All events, in the order of their arrival."""
        return unpack_log(self.log, self._events)

    def rows_to_emit(self) -> tuple[list[LoggedEvent], int]:
        """The events that may still matter to direct samples, in the order of their arrival, and
        how many are left out.
        """
        told = self._told
        return told.left_out(self.log, self.state.count), told.last - told.first

    def mark_rows_emitted(self, rows: list[LoggedEvent], before: int) -> None:
        """All samples of the ``rows_to_emit`` before that time (epoch ms) are told now."""
        self._told = self._told.extended(self.log, rows, before - self.state.base, CONFIGURING)

    def analysis(self, *, contiguous: bool = True) -> SessionAnalysis:
        """All events, read as they now stand; kept until ``forget_analysis``. ``contiguous``: see
        ``analyse``.
        """
        state, kept = self.state, self._analysis
        if kept is None or kept.contiguous != contiguous:
            closing = state.closed is not None
            kept = analyse(self.rows(), state.base, closing=closing, contiguous=contiguous)
            self._analysis = kept
        return kept

    def analysis_of(self, count: int, *, closing: bool, contiguous: bool = True) -> SessionAnalysis:
        """The first ``count`` events to arrive, read with or without the close."""
        if count == self.state.count and closing == (self.state.closed is not None):
            return self.analysis(contiguous=contiguous)
        rows = self.rows()[:count]
        return analyse(rows, self.state.base, closing=closing, contiguous=contiguous)

    def forget_analysis(self) -> None:
        """Let go of the kept reading: it is many times the size of the log."""
        self._analysis = None

    def add(self, event: Event, most: int) -> Arrival:
        """Take in an event that arrived, unless it is known or the session holds ``most``."""
        seen = self._seen
        if seen is None:
            seen = self._woken()
        bit = 1 << (event.sequence_number & _BITS)
        known = self._find(event) if seen & bit else "folded"
        if known == "duplicate":
            return known
        log, packed = self.log, pack_event(event, self._base)
        if self._events >= most or len(log) + len(packed) > MAX_LOG_BYTES:
            return self._turned_away(known)
        if known != "folded":
            self._repeated(known, event)
        log += packed
        self._grown.append((self.number, packed))
        self._seen = seen | bit
        self._events += 1
        if self._index is not None:
            self._index.note(logged_event(event, self._base))
        return known

    def _turned_away(self, known: Arrival) -> Arrival:
        """There is no room for an event."""
        if known == "earlier":
            return "duplicate"
        self.state.cut += 1
        return "cut"

    def _repeated(self, known: Arrival, event: Event) -> None:
        """The event has the identity of one before it."""
        state = self.state
        if event.timestamp < state.direct.before:
            self.resettled = True
        if known == "earlier":
            # no record says when an event arrived: this one makes no revision, and a record that
            # is up to date stays so
            state.revision -= state.closed is not None
            state.recorded += state.recorded == state.count

    def _woken(self) -> int:
        """Make a restored session ready for events; gives the bits of its sequence numbers."""
        self.log = bytearray(self.log)
        self._counted = len(self.log)
        seen = 0
        for bit in {row.sequence_number & _BITS for row in self.rows()}:
            seen |= 1 << bit
        self._seen = seen
        return seen

    def _find(self, event: Event) -> Arrival:
        row = logged_event(event, self._base)
        if self._index is not None:
            return self._index.find(row)
        if self._events > _SCANNED:
            self._index = _Index(self.rows())
            return self._index.find(row)
        number = row.sequence_number
        return _Index([one for one in self.rows() if one.sequence_number == number]).find(row)


_NOTHING: Final = LogRange()

MAX_LOG_BYTES: Final = 4 << 20
"""The bound on a session's packed events; what they may come to at their usual size is less."""

_BITS: Final = 4095
"""Sequence numbers are told apart by so many of their low bits first."""

_SCANNED: Final = 256
"""Up to so many events a repeat is looked for by unpacking; beyond, by an index."""
