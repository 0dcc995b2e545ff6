"""The lifecycle of sessions in stream time: they close, emit their samples, and are evicted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from worker.events.event import SessionKey
from worker.metrics.catalogue import Hold
from worker.partition.commit_outputs import EvictedSession
from worker.partition.emission import emit, emit_session_samples, has_emitted_all, has_to_emit
from worker.partition.holds import Due, Holds
from worker.partition.numbering import Numbering
from worker.partition.pending_commit import PendingCommit
from worker.partition.revisions import LastRevisions
from worker.partition.rules import Rules
from worker.partition.session_table import SessionTable
from worker.partition.stream_time import StreamTime
from worker.partition.timers import CloseTimers, releases
from worker.sessions.resident_session import ResidentSession
from worker.sessions.state import Closed, CloseReason
from worker.sessions.summary import summary_of
from worker.times.minutes import MINUTE

_EVENTS_A_MINUTE: Final = 5_000
"""A session emits at so few of the instants of release that it goes through no more events in a
minute, or in a period of release that is longer.
"""


class Lifecycle:
    """Closes, emits and evicts the resident ``sessions`` as stream ``time`` advances."""

    def __init__(
        self,
        rules: Rules,
        time: StreamTime,
        sessions: SessionTable,
        timers: CloseTimers,
        pending: PendingCommit,
        numbering: Numbering,
        revisions: LastRevisions,
    ) -> None:
        self._rules = rules
        self._holds = Holds(rules, numbering)
        self._numbering = numbering
        self._revisions = revisions
        self._time = time
        self._sessions = sessions
        self._timers = timers
        self._pending = pending
        self._ticked = time.now

    def advance(self, now: int) -> None:
        """Act on stream time having reached ``now`` (epoch ms)."""
        rules = self._rules
        if self._ticked is None:
            self._ticked = now
        for instant in releases(rules, self._ticked, now, lambda: bool(self._sessions.by_key)):
            self._close_due(instant)
            self._release(instant)
        self._close_due(now)
        self._ticked = now

    def finish(self, keys: Iterable[SessionKey]) -> None:
        """Close these sessions and emit all their samples, because the input has ended."""
        for key in keys:
            resident = self._sessions.by_key[key]
            with self._quarantine_if_it_fails(resident):
                self._finish(resident)

    def _finish(self, resident: ResidentSession) -> None:
        state = resident.state
        if state.closed is None:
            ending: CloseReason = "end_of_input" if state.wrap_up_arrival is None else "wrap_up"
            self._close(resident, ending, self._time.now or state.last_arrival)
        everything = self._holds.everything(state)
        self._emit(resident, Hold.DIRECT, everything)
        self._emit_turns(resident, everything)
        self._evict(resident)

    @contextmanager
    def _quarantine_if_it_fails(self, resident: ResidentSession) -> Iterator[None]:
        """Quarantine a session in which the worker meets a defect, so that all others go on."""
        try:
            yield
        except Exception as defect:
            self._quarantine(resident, defect)

    def _quarantine(self, resident: ResidentSession, defect: Exception) -> None:
        self._note_revision(resident)
        self._sessions.evict(resident)
        self._pending.quarantine(resident, defect)

    def _note_revision(self, resident: ResidentSession) -> None:
        """Remember the last revision of a session that leaves memory: should it get events again,
        its records' revisions continue from there.
        """
        closed, state = resident.state.closed, resident.state
        if closed is not None:
            self._revisions.remember(state.key, closed.at, state.revision)

    def _close_due(self, instant: int) -> None:
        for due, resident in self._timers.reached(instant, self._sessions.by_key):
            with self._quarantine_if_it_fails(resident):
                if self._timers.put_off(resident, due):
                    continue
                self._close(
                    resident, "idle" if resident.state.wrap_up_arrival is None else "wrap_up", due
                )
                resident.forget_analysis()

    def _close(self, resident: ResidentSession, reason: CloseReason, instant: int) -> None:
        self._sessions.changes.mark_changed(resident)
        contiguous = self._numbering.contiguous
        resident.close(Closed(resident.state.count, reason, instant, contiguous))
        self._pending.counters["sessions_closed"] += 1
        self._pending.record(resident, contiguous=contiguous)
        analysis = resident.analysis(contiguous=contiguous)
        resident.summary = summary_of(analysis)
        self._numbering.closes(self._pending.counters, sparse=analysis.numbers.sparse)

    def _release(self, instant: int) -> None:
        for resident in list(self._sessions.by_key.values()):
            try:
                self._release_one(resident, instant)
            except Exception as defect:  # like ``_quarantine_if_it_fails``, but cheaper
                self._quarantine(resident, defect)

    def _release_one(self, resident: ResidentSession, instant: int) -> None:
        state, every = resident.state, self._rules.release_every
        # this bounds a session's cost per minute, however many events it has
        if (instant // every) % (1 + state.count * MINUTE // (every * _EVENTS_A_MINUTE)):
            return
        direct, turn = self._holds.direct(resident, instant), self._holds.turn(resident, instant)
        if state.closed is None and not (
            has_to_emit(state, Hold.DIRECT, direct) or has_to_emit(state, Hold.TURN, turn)
        ):
            return
        self._emit(resident, Hold.DIRECT, direct)
        self._emit_turns(resident, turn)
        self._evict(resident)
        resident.forget_analysis()

    def _emit_turns(self, resident: ResidentSession, due: Due) -> None:
        self._emit(resident, Hold.TURN, due)
        state = resident.state
        if state.closed is None:
            return
        if state.recorded != state.count:
            self._sessions.changes.mark_changed(resident)
            self._pending.counters["sessions_revised"] += 1
            self._pending.record(resident, contiguous=due.contiguous)
        if not state.summarised:
            self._sessions.changes.mark_changed(resident)
            state.summarised = True
            emit_session_samples(resident, self._pending.samples)

    def _emit(self, resident: ResidentSession, hold: Hold, due: Due) -> None:
        if has_to_emit(resident.state, hold, due):
            self._sessions.changes.mark_changed(resident)
            retracted = emit(resident, hold, due, self._pending.samples)
            self._pending.counters["samples_retracted"] += retracted

    def _evict(self, resident: ResidentSession) -> None:
        """Evict a closed session once it has emitted all its samples."""
        state = resident.state
        if state.closed is not None and has_emitted_all(state):
            self._note_revision(resident)
            self._sessions.evict(resident)
            self._pending.outputs.evicted[state.key] = EvictedSession(state, bytes(resident.log))
