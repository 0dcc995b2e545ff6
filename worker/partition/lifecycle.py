"""What time does to sessions: they close, tell what they have to tell, and leave memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from worker.events.event import SessionKey
from worker.metrics.catalogue import Hold
from worker.partition.commit_outputs import Packed
from worker.partition.emission import has_to_tell, has_told_all, summarise, tell
from worker.partition.forgotten import Forgotten
from worker.partition.holds import Due, Holds
from worker.partition.numbering import Numbering
from worker.partition.pending_commit import Pending
from worker.partition.rules import Rules
from worker.partition.session_table import AtHand
from worker.partition.stream_time import StreamTime
from worker.partition.timers import Deadlines, releases
from worker.sessions.resident import Held
from worker.sessions.state import Closed, CloseReason
from worker.sessions.summary import summary_of
from worker.times.minutes import MINUTE

_LONG: Final = 5_000
"""A session tells something each minute; one of n times so many events, every n + 1 minutes."""


class Lifecycle:
    """Of the sessions ``at_hand``, in step with stream ``time``."""

    def __init__(
        self,
        rules: Rules,
        time: StreamTime,
        at_hand: AtHand,
        deadlines: Deadlines,
        pending: Pending,
        numbering: Numbering,
        forgotten: Forgotten,
    ) -> None:
        self._rules = rules
        self._holds = Holds(rules, numbering)
        self._numbering = numbering
        self._forgotten = forgotten
        self._time = time
        self._at_hand = at_hand
        self._deadlines = deadlines
        self._pending = pending
        self._ticked = time.now

    def advance(self, now: int) -> None:
        """Stream time has come to ``now`` (epoch ms)."""
        rules = self._rules
        if self._ticked is None:
            self._ticked = now
        for instant in releases(rules, self._ticked, now, lambda: bool(self._at_hand.by_key)):
            self._close_due(instant)
            self._release(instant)
        self._close_due(now)
        self._ticked = now

    def finish(self, keys: Iterable[SessionKey]) -> None:
        """The input has ended: these sessions close and tell everything."""
        for key in keys:
            held = self._at_hand.by_key[key]
            with self._set_aside_if_it_fails(held):
                self._finish(held)

    def _finish(self, held: Held) -> None:
        state = held.state
        if state.closed is None:
            ending: CloseReason = "end_of_input" if state.wrap_up_arrival is None else "wrap_up"
            self._close(held, ending, self._time.now or state.last_arrival)
        everything = self._holds.everything(state)
        self._tell(held, Hold.DIRECT, everything)
        self._tell_turns(held, everything)
        self._pack(held)

    @contextmanager
    def _set_aside_if_it_fails(self, held: Held) -> Iterator[None]:
        """A session that the worker fails at is a defect; it goes aside, and all others go on."""
        try:
            yield
        except Exception as defect:
            self._set_aside(held, defect)

    def _set_aside(self, held: Held, defect: Exception) -> None:
        self._note_revision(held)
        self._at_hand.let_go(held)
        self._pending.set_aside(held, defect)

    def _note_revision(self, held: Held) -> None:
        """A session leaves memory: if it speaks again, its records go on from its last one."""
        closed, state = held.state.closed, held.state
        if closed is not None:
            self._forgotten.note(state.key, closed.at, state.revision)

    def _close_due(self, instant: int) -> None:
        for due, held in self._deadlines.reached(instant, self._at_hand.by_key):
            with self._set_aside_if_it_fails(held):
                if self._deadlines.put_off(held, due):
                    continue
                self._close(held, "idle" if held.state.wrap_up_arrival is None else "wrap_up", due)
                held.forget_reading()

    def _close(self, held: Held, reason: CloseReason, instant: int) -> None:
        self._at_hand.changes.alters(held)
        contiguous = self._numbering.contiguous
        held.close(Closed(held.state.count, reason, instant, contiguous))
        self._pending.counters["sessions_closed"] += 1
        self._pending.record(held, contiguous=contiguous)
        reading = held.reading(contiguous=contiguous)
        held.summary = summary_of(reading)
        self._numbering.closes(self._pending.counters, sparse=reading.numbers.sparse)

    def _release(self, instant: int) -> None:
        for held in list(self._at_hand.by_key.values()):
            try:
                self._release_one(held, instant)
            except Exception as defect:  # as ``_set_aside_if_it_fails``, which costs more
                self._set_aside(held, defect)

    def _release_one(self, held: Held, instant: int) -> None:
        state = held.state
        if (instant // MINUTE) % (1 + state.count // _LONG):
            return  # so that what a session costs in a minute is bounded
        direct, turn = self._holds.direct(held, instant), self._holds.turn(held, instant)
        if state.closed is None and not (
            has_to_tell(state, Hold.DIRECT, direct) or has_to_tell(state, Hold.TURN, turn)
        ):
            return
        self._tell(held, Hold.DIRECT, direct)
        self._tell_turns(held, turn)
        self._pack(held)
        held.forget_reading()

    def _tell_turns(self, held: Held, due: Due) -> None:
        self._tell(held, Hold.TURN, due)
        state = held.state
        if state.closed is None:
            return
        if state.recorded != state.count:
            self._at_hand.changes.alters(held)
            self._pending.counters["sessions_revised"] += 1
            self._pending.record(held, contiguous=due.contiguous)
        if not state.summarised:
            self._at_hand.changes.alters(held)
            state.summarised = True
            summarise(held, self._pending.samples)

    def _tell(self, held: Held, hold: Hold, due: Due) -> None:
        if has_to_tell(held.state, hold, due):
            self._at_hand.changes.alters(held)
            retracted = tell(held, hold, due, self._pending.samples)
            self._pending.counters["samples_retracted"] += retracted

    def _pack(self, held: Held) -> None:
        """Let a closed session go once it has told all that it had to tell."""
        state = held.state
        if state.closed is not None and has_told_all(state):
            self._note_revision(held)
            self._at_hand.let_go(held)
            self._pending.outputs.packed[state.key] = Packed(state, bytes(held.log))
