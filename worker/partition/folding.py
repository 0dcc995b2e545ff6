"""Folding: counts each delivery once, and adds each event to its session."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final, cast

from worker.events.decode import Delivery, defect_reason
from worker.events.event import EVENT_CODES, Event, SessionKey
from worker.events.occurrence import Damaged, Ignored, SinkTest
from worker.events.payload import identifying_values
from worker.partition.accounting import account, account_erased
from worker.partition.commit_outputs import EvictedSession
from worker.partition.dead_letters import OVER_CAPACITY, TOO_LATE
from worker.partition.erasure import is_erased
from worker.partition.pending_commit import PendingCommit
from worker.partition.revisions import LastRevisions
from worker.partition.rules import Rules
from worker.partition.session_table import SessionTable
from worker.partition.stream_time import StreamTime
from worker.partition.timers import CloseTimers
from worker.sessions.resident_session import ARRIVALS, Arrival, ResidentSession
from worker.sessions.state import Session

Misses = dict[SessionKey, list[Delivery]]
"""Events whose sessions aren't in memory, by session; the owner may have some of these stored."""

_WRAP_UP: Final = "call_wrap_up"
_REPORTING: Final = {
    *("configurations", "language_changed", "language_info", "error_event", "tool_call"),
}
"""Names of the events whose texts may become dimension values."""

_AT_ONCE: Final = 64
"""The most events of a session that are packed together: so many are packed in vain where one of
them has no room, or is a defect.
"""

_USUAL: Final = frozenset(EVENT_CODES) - _REPORTING - {_WRAP_UP}
"""Names of the events that concern the session alone."""


class Folding:
    """Adds deliveries to the resident ``sessions``, begins new sessions, and rejects to dead
    letters what is unreadable or too late. ``erased``: digests of the calls whose events are not
    folded.
    """

    def __init__(
        self,
        rules: Rules,
        time: StreamTime,
        sessions: SessionTable,
        timers: CloseTimers,
        pending: PendingCommit,
        revisions: LastRevisions,
        erased: Collection[bytes],
    ) -> None:
        self._rules = rules
        self._time = time
        self._sessions = sessions
        self._timers = timers
        self._pending = pending
        self._revisions = revisions
        self._erased = erased

    def known(self, deliveries: Sequence[Delivery]) -> Misses:
        """Count each delivery and fold its event, if it is one. Return the events of sessions that
        aren't in memory, uncounted.
        """
        by_session: defaultdict[SessionKey, list[Delivery]] = defaultdict(list)
        ignored = 0
        for delivery in deliveries:
            occurrence = delivery.occurrence
            if type(occurrence) is Event:
                by_session[occurrence.key].append(delivery)
            elif isinstance(occurrence, Ignored):
                ignored += 1
            else:
                self._note(occurrence, delivery)
        self._pending.counters["ignored"] += ignored
        arrivals: dict[Arrival, int] = dict.fromkeys(ARRIVALS, 0)
        misses: Misses = {}
        for key, of_session in by_session.items():
            resident = self._sessions.by_key.get(key)
            left = of_session if resident is None else self._fold(resident, of_session, arrivals)
            if left:
                misses[key] = left
        self._sessions.changes.order_appended()
        folded = len(deliveries) - sum(map(len, misses.values()))
        account(self._pending.counters, folded, arrivals)
        return misses

    def _fold(
        self, resident: ResidentSession, deliveries: list[Delivery], arrivals: dict[Arrival, int]
    ) -> list[Delivery]:
        """Fold a session's events, many at once as long as they are plainly new, and count their
        ``arrivals``. Return those that follow a defect with which the session was discarded.

        What isn't plainly new is folded one by one until an event is new: repeats come in runs, and
        a full session has no room for any more.
        """
        if resident.shard is not None:
            self._note_shards(resident, deliveries)
        events = cast("list[Event]", [delivery.occurrence for delivery in deliveries])
        taken = 0
        while taken < len(events):
            some = events[taken : taken + _AT_ONCE]
            new = self._fold_new(resident, some)
            taken += new
            arrivals["folded"] += new
            if new == len(some):
                continue
            folded = arrivals["folded"]
            while taken < len(events) and arrivals["folded"] == folded:
                taken += 1
                if not self._fold_one(resident, deliveries[taken - 1], arrivals):
                    return deliveries[taken:]
        return []

    def _fold_new(self, resident: ResidentSession, events: list[Event]) -> int:
        """Fold events as long as they are plainly new; return how many these are."""
        try:
            new = resident.add_new(events, self._rules.max_events)
        except Exception:
            return 0  # which of them has the defect is found one by one
        notable_before = resident.notable_before
        for event in events[:new]:
            if event.name not in _USUAL or event.arrival < notable_before:
                self._unusual(resident, event, "folded")
        return new

    def _fold_one(
        self, resident: ResidentSession, delivery: Delivery, arrivals: dict[Arrival, int]
    ) -> bool:
        """Fold an event, whatever it is to its session; False if the session was discarded."""
        event = cast("Event", delivery.occurrence)
        try:
            arrival = resident.add(event, self._rules.max_events)
        except Exception as defect:
            return self._give_up(resident, defect, delivery)
        arrivals[arrival] += 1
        if (
            arrival != "folded"
            or event.name not in _USUAL
            or event.arrival < resident.notable_before
        ):
            self._unusual(resident, event, arrival)
        return True

    def _note_shards(self, resident: ResidentSession, deliveries: list[Delivery]) -> None:
        """Note the shards of a session that is not yet known to have several."""
        for delivery in deliveries:
            if delivery.shard != resident.shard:
                self._sessions.saw_shard(resident, delivery.shard)
                if resident.shard is None:
                    break

    def misses(self, misses: Misses, loaded: Mapping[SessionKey, EvictedSession]) -> None:
        """Fold the events that ``known`` left, now that their sessions are ``loaded`` as far as the
        owner has stored them; the other sessions begin.
        """
        while misses:
            admitted: list[Delivery] = []
            for of_session in misses.values():
                admitted += self._admitted(of_session, loaded)
            misses = self.known(admitted)  # some are left if a session's first event was a defect

    def _note(self, occurrence: SinkTest | Damaged, delivery: Delivery) -> None:
        """Count an occurrence that isn't a platform's event."""
        if isinstance(occurrence, SinkTest):
            self._pending.counters["test_events"] += 1
            self._pending.outputs.test_ids.append(occurrence.test_id)
        else:
            self._pending.dead_letter(occurrence.reason, delivery)

    def _admitted(
        self, events: list[Delivery], loaded: Mapping[SessionKey, EvictedSession]
    ) -> list[Delivery]:
        """Return a session's events from the one on that brings it into memory; reject those before
        to dead letters. Of an erased session there are none.
        """
        first = events[0].occurrence
        if isinstance(first, Event) and is_erased(first.key, self._erased):
            account_erased(self._pending.counters, len(events))
            return []
        for n, delivery in enumerate(events):
            event = delivery.occurrence
            refusal = self._admit(event, loaded) if isinstance(event, Event) else None
            if refusal is None:
                return events[n:]
            self._pending.counters["occurrences"] += 1
            self._pending.dead_letter(refusal, delivery)
        return []

    def _admit(self, event: Event, loaded: Mapping[SessionKey, EvictedSession]) -> str | None:
        """Bring the session of an event into memory, or return the reason why that is
        impossible.
        """
        key = event.key
        if self._sessions.is_full:
            return OVER_CAPACITY
        evicted = self._pending.outputs.evicted.pop(key, None) or loaded.get(key)
        if evicted is not None:
            self._sessions.admit(evicted.state, evicted.log)
        elif self._expired(event):
            return TOO_LATE
        else:
            self._open(event)
        return None

    def _open(self, event: Event) -> None:
        state = Session(event.key, event.timestamp, last_arrival=event.arrival)
        state.continued = self._revisions.revision(event.key, event.arrival)
        self._pending.counters["sessions_opened"] += 1
        self._timers.schedule(self._sessions.admit(state))

    def _expired(self, event: Event) -> bool:
        limit, now = self._rules.expire_after, self._time.now
        return limit is not None and now is not None and event.timestamp < now - limit

    def _give_up(self, resident: ResidentSession, defect: Exception, delivery: Delivery) -> bool:
        """Reject an event in which the worker met a defect; none of it was folded, and all others
        go on. Return False if the session, which has no other event, is discarded.
        """
        self._pending.dead_letter(defect_reason(defect), delivery)
        if resident.state.count:
            self._sessions.changes.mark_changed(resident)
            return True
        self._sessions.discard(resident)
        self._pending.counters["sessions_opened"] -= 1
        return False

    def _unusual(self, resident: ResidentSession, event: Event, arrival: Arrival) -> None:
        """Take note of what an event means beyond being counted."""
        counters = self._pending.counters
        if arrival == "duplicate":
            return
        if arrival != "folded":
            self._sessions.changes.mark_changed(resident)
        elif event.name not in EVENT_CODES:
            counters["unknown_events"] += 1
        if arrival == "folded" or arrival == "conflict":
            hidden = identifying_values(event.payload)
            if hidden:
                counters["identifying_values"] += hidden
        if resident.open and (event.name == _WRAP_UP or event.arrival < resident.notable_before):
            self._timers.wraps_up(resident, event.key, event.arrival)
        if not resident.open and (arrival == "folded" or arrival == "conflict"):
            counters["late_events"] += 1
