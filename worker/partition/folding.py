"""Folding: each delivery is counted once, and each event comes into its session."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from worker.events.decode import Delivery, reason_of
from worker.events.event import EVENT_CODES, Event, SessionKey
from worker.events.occurrence import Damaged, Ignored, SinkTest
from worker.events.payload import identifying_values
from worker.partition.accounting import account, account_erased
from worker.partition.commit_outputs import Packed
from worker.partition.dead_letters import CROWDED, EXPIRED
from worker.partition.erasure import is_erased
from worker.partition.forgotten import Forgotten
from worker.partition.pending_commit import Pending
from worker.partition.rules import Rules
from worker.partition.session_table import AtHand
from worker.partition.stream_time import StreamTime
from worker.partition.timers import Deadlines
from worker.sessions.resident import ARRIVALS, Arrival, Held
from worker.sessions.state import Session

Strangers = dict[SessionKey, list[Delivery]]
"""Events whose sessions aren't in memory, by session: the owner may have kept some of these."""

_WRAP_UP: Final = "call_wrap_up"
_REPORTING: Final = {"configurations", "language_changed", "language_info", "error_event"}
"""Names of events whose texts may become values of dimensions."""

_USUAL: Final = frozenset(EVENT_CODES) - _REPORTING - {_WRAP_UP}
"""Names of which only the session takes notice."""


class Folding:
    """Takes deliveries into the sessions ``at_hand``, begins new ones, and buries what can't be
    read or comes too late. ``erased``: digests of calls of which nothing is taken in.
    """

    def __init__(
        self,
        rules: Rules,
        time: StreamTime,
        at_hand: AtHand,
        deadlines: Deadlines,
        pending: Pending,
        forgotten: Forgotten,
        erased: Collection[bytes],
    ) -> None:
        self._rules = rules
        self._time = time
        self._at_hand = at_hand
        self._deadlines = deadlines
        self._pending = pending
        self._forgotten = forgotten
        self._erased = erased

    def known(self, deliveries: Sequence[Delivery]) -> Strangers:
        """Count each delivery and take in its event, if it is one; but leave those of strangers."""
        sessions, most = self._at_hand.by_key, self._rules.max_events
        arrivals: dict[Arrival, int] = dict.fromkeys(ARRIVALS, 0)
        strange: Strangers = defaultdict(list)
        for delivery in deliveries:
            occurrence = delivery.occurrence
            if type(occurrence) is not Event:
                self._note(occurrence, delivery)
                continue
            held = sessions.get(occurrence.key)
            if held is None:
                strange[occurrence.key].append(delivery)
                continue
            if held.shard is not None and held.shard != delivery.shard:
                self._at_hand.came_from(held, delivery.shard)
            try:
                arrival = held.add(occurrence, most)
            except Exception as defect:
                self._give_up(held, defect, delivery)
                continue
            arrivals[arrival] += 1
            if (
                arrival != "folded"
                or occurrence.name not in _USUAL
                or occurrence.arrival < held.notable_before
            ):
                self._unusual(held, occurrence, arrival)
        self._at_hand.changes.gather()
        folded = len(deliveries) - sum(map(len, strange.values()))
        account(self._pending.counters, folded, arrivals)
        return strange

    def strangers(self, strange: Strangers, recalled: Mapping[SessionKey, Packed]) -> None:
        """Fold what ``known`` has left, now that its sessions are ``recalled`` as far as the owner
        has them; the others begin.
        """
        while strange:
            admitted: list[Delivery] = []
            for of_session in strange.values():
                admitted += self._admitted(of_session, recalled)
            strange = self.known(admitted)  # some, if a session's first event was a defect

    def _note(self, occurrence: Ignored | SinkTest | Damaged, delivery: Delivery) -> None:
        """An occurrence that is no event."""
        if isinstance(occurrence, Ignored):
            self._pending.counters["ignored"] += 1
        elif isinstance(occurrence, SinkTest):
            self._pending.counters["test_events"] += 1
            self._pending.outputs.test_ids.append(occurrence.test_id)
        else:
            self._pending.bury(occurrence.reason, delivery)

    def _admitted(
        self, events: list[Delivery], recalled: Mapping[SessionKey, Packed]
    ) -> list[Delivery]:
        """A session's events from the one on that has it in memory; those before are buried. None
        of a session that was erased.
        """
        first = events[0].occurrence
        if isinstance(first, Event) and is_erased(first.key, self._erased):
            account_erased(self._pending.counters, len(events))
            return []
        for n, delivery in enumerate(events):
            event = delivery.occurrence
            refusal = self._admit(event, recalled) if isinstance(event, Event) else None
            if refusal is None:
                return events[n:]
            self._pending.counters["occurrences"] += 1
            self._pending.bury(refusal, delivery)
        return []

    def _admit(self, event: Event, recalled: Mapping[SessionKey, Packed]) -> str | None:
        """Have the session of an event in memory, or say why that can't be."""
        key = event.key
        if self._at_hand.is_full:
            return CROWDED
        packed = self._pending.outputs.packed.pop(key, None) or recalled.get(key)
        if packed is not None:
            self._at_hand.hold(packed.state, packed.log)
        elif self._expired(event):
            return EXPIRED
        else:
            self._open(event)
        return None

    def _open(self, event: Event) -> None:
        state = Session(event.key, event.timestamp, last_arrival=event.arrival)
        state.continued = self._forgotten.revision(event.key, event.arrival)
        self._pending.counters["sessions_opened"] += 1
        self._deadlines.watch(self._at_hand.hold(state))

    def _expired(self, event: Event) -> bool:
        limit, now = self._rules.expire_after, self._time.now
        return limit is not None and now is not None and event.timestamp < now - limit

    def _give_up(self, held: Held, defect: Exception, delivery: Delivery) -> None:
        """Nothing of an event was taken in: it goes aside, and all others go on."""
        if held.state.count:
            self._at_hand.changes.alters(held)
        else:
            self._at_hand.take_back(held)
            self._pending.counters["sessions_opened"] -= 1
        self._pending.bury(reason_of(defect), delivery)

    def _unusual(self, held: Held, event: Event, arrival: Arrival) -> None:
        """Something is to be noted of an event beyond its being counted."""
        counters = self._pending.counters
        if arrival == "duplicate":
            return
        if arrival != "folded":
            self._at_hand.changes.alters(held)
        elif event.name not in EVENT_CODES:
            counters["unknown_events"] += 1
        if arrival == "folded" or arrival == "conflict":
            hidden = identifying_values(event.payload)
            if hidden:
                counters["identifying_values"] += hidden
        if held.open and (event.name == _WRAP_UP or event.arrival < held.notable_before):
            self._deadlines.wraps_up(held, event.key, event.arrival)
        if not held.open and (arrival == "folded" or arrival == "conflict"):
            counters["late_events"] += 1
