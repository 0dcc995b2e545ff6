"""Decides which of a session's minutes may be released at an instant, and for which reason. Pure.

A minute is released when it is complete, not when it is old: contiguous sequence numbers prove that
none of its events is missing. A minute with missing events waits for them, up to a limit. The
decision depends only on the session's events and its emit cursors, which a restart restores.
"""

from __future__ import annotations

import msgspec

from worker.partition.commit_outputs import ReleaseReason
from worker.partition.numbering import Numbering
from worker.partition.rules import Rules
from worker.sessions.resident_session import ResidentSession
from worker.sessions.state import Session
from worker.times.minutes import AFTER_ALL, BEFORE_ALL, MINUTE, minute_of


class Due(msgspec.Struct, frozen=True, gc=False):
    """The minutes that may be released at an ``instant``, None at the end of the input: those that
    end by ``before`` and, for samples that wait for the session's beginning, by ``contextual``,
    which is no later. Those that end by ``complete`` are released as complete, the others for
    ``reason``. All in epoch ms. ``contiguous``: whether turn samples take absent sequence numbers
    for missing events.
    """

    instant: int | None
    before: int
    contextual: int
    complete: int
    reason: ReleaseReason
    contiguous: bool


class Holds:
    """Decides by the ``rules``, and by sequence numbers while the stream's are contiguous."""

    def __init__(self, rules: Rules, numbering: Numbering) -> None:
        self._rules = rules
        self._numbering = numbering

    def everything(self, state: Session) -> Due:
        """Return all minutes, as due at the end of the input."""
        contiguous = state.is_contiguous(stream=self._numbering.contiguous)
        return Due(None, AFTER_ALL, AFTER_ALL, BEFORE_ALL, "closed", contiguous)

    def direct(self, resident: ResidentSession, instant: int) -> Due:
        """Return the minutes due for samples that a single event decides. Samples with a dimension
        from the context wait until the session's beginning has arrived.
        """
        state, contiguous = resident.state, self._numbering.contiguous
        if state.closed is not None:
            return self._closed(state, instant)
        ripe = minute_of(instant - self._rules.hold_direct)
        complete = Due(instant, ripe, ripe, ripe, "complete", contiguous)
        if state.oldest >= ripe or self._by_time(resident) or resident.runs.begun:
            return complete  # a session that began later has nothing to release
        if self._begun(resident, minute_of(instant - self._rules.hold_hole)):
            return Due(instant, ripe, ripe, BEFORE_ALL, "given_up", contiguous)
        return Due(instant, ripe, BEFORE_ALL, ripe, "complete", contiguous)

    def turn(self, resident: ResidentSession, instant: int) -> Due:
        """Return the minutes due for samples that neighbouring events decide."""
        state, rules = resident.state, self._rules
        if state.closed is not None:
            return self._closed(state, instant)
        if self._by_time(resident):
            return self._timed(state, instant, BEFORE_ALL)
        complete, hole = self._frontier(resident, instant, BEFORE_ALL)
        if not hole:
            return self._timed(state, instant, complete)
        given_up = minute_of(instant - max(rules.hold_hole, rules.hold_direct))
        behind, hole = self._frontier(resident, instant, given_up)
        before = max(behind, given_up)
        if not hole:
            before = max(before, self._timed(state, instant, complete).before)
        return Due(instant, before, before, complete, "given_up", self._numbering.contiguous)

    def _frontier(self, resident: ResidentSession, instant: int, given_up: int) -> tuple[int, bool]:
        """Return the end of the complete minutes, and whether a missing number is awaited after
        them. Numbers missing before ``given_up``, or before the emitted minutes' end, are no longer
        awaited.
        """
        state = resident.state
        passed = max(state.turn.before, given_up) - state.base
        latest, hole = resident.runs.frontier(passed, begun=self._begun(resident, given_up))
        ripe = minute_of(instant - self._rules.hold_direct)
        return min(ripe, minute_of(state.base + latest)), hole

    def _closed(self, state: Session, instant: int) -> Due:
        """Return all minutes of a closed session, which waits for nothing."""
        end = minute_of(state.newest) + MINUTE
        contiguous = state.is_contiguous(stream=self._numbering.contiguous)
        return Due(instant, end, end, BEFORE_ALL, "closed", contiguous)

    def _timed(self, state: Session, instant: int, complete: int) -> Due:
        """Return the minutes that are due by time, beyond those that are ``complete``."""
        quiet = instant - state.last_arrival >= self._rules.quiet
        before = minute_of(instant - (self._rules.hold_turn if quiet else self._rules.hold_max))
        before = max(before, complete)
        reason: ReleaseReason = "quiet" if quiet else "given_up"
        return Due(instant, before, before, complete, reason, self._numbering.contiguous)

    def _begun(self, resident: ResidentSession, given_up: int) -> bool:
        """Whether the session's beginning has arrived, or is no longer awaited."""
        state = resident.state
        passed = max(state.contextual, state.turn.before, given_up)
        return resident.runs.begun or state.oldest < passed

    def _by_time(self, resident: ResidentSession) -> bool:
        return not self._numbering.contiguous or resident.runs.unordered
