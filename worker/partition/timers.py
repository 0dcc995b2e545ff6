"""Timers in stream time: when minutes may be released, and when sessions close."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping

from worker.events.event import SessionKey
from worker.partition.numbering import Numbering
from worker.partition.rules import Rules
from worker.sessions.resident_session import ResidentSession


def releases(
    rules: Rules, after: int, until: int, any_resident: Callable[[], bool]
) -> Iterator[int]:
    """Yield the instants after ``after`` up to ``until`` at which a minute may be released.

    At each of these instants a minute ended ``hold_direct`` ago. Time passes through them one by
    one, so that the steps in which stream time advanced have no influence on when a folded event's
    samples are released. Ends early when no session is resident any more.

    What has been folded by then does depend on how far each shard was read. It includes all that
    arrived up to an instant, so an event that arrives within its hold yields the same samples in
    any case. A shard that is read ahead may bring more: the minutes that it completes are then
    emitted earlier, and an event that arrived after its minute's hold is emitted before others that
    came as late on a shard read less far, and these may change its samples. Waiting for stream time
    to reach a session's last arrival would prevent that, but would delay every session that is
    being spoken in.
    """
    every = rules.release_every
    phase = rules.hold_direct % every
    instant = after - (after - phase) % every + every
    while instant <= until and any_resident():
        yield instant
        instant += every


class CloseTimers:
    """The times at which open sessions close.

    A session is queued under a time before which it doesn't close, and is examined again at that
    time. New arrivals postpone its close, or fill its last hole and bring it forward: no further
    than to ``close_after_wrap_up`` after that arrival.
    """

    def __init__(self, rules: Rules, numbering: Numbering) -> None:
        self._rules = rules
        self._numbering = numbering
        self._soonest = min(rules.close_after_wrap_up, rules.hold_hole, rules.close_idle)
        """The shortest time (ms) after an event's arrival in which a session with a wrap-up may
        close.
        """
        self._queue: list[tuple[int, SessionKey]] = []

    def schedule(self, resident: ResidentSession) -> None:
        """Schedule a session that came into memory."""
        state = resident.state
        if state.closed is not None:
            return
        if state.wrap_up_arrival is None:
            self._push(resident, state.key, state.last_arrival + self._rules.close_idle)
        else:
            self.wraps_up(resident, state.key, state.wrap_up_arrival)

    def wraps_up(self, resident: ResidentSession, key: SessionKey, arrival: int) -> None:
        """Reschedule a session whose wrap-up has arrived, for an event that arrived now."""
        if arrival + self._soonest < resident.due:
            self._push(resident, key, arrival + self._soonest)

    def reached(
        self, instant: int, resident: Mapping[SessionKey, ResidentSession]
    ) -> Iterator[tuple[int, ResidentSession]]:
        """Yield the sessions to examine by ``instant``, each with its deadline, earliest first: a
        session closes there unless ``put_off``.
        """
        while self._queue and self._queue[0][0] <= instant:
            deadline, key = heapq.heappop(self._queue)
            session = resident.get(key)
            if session is not None and session.open and session.due == deadline:
                yield deadline, session

    def put_off(self, resident: ResidentSession, deadline: int) -> bool:
        """Whether a session closes later than at its deadline; if so, it is queued again."""
        closes_at = self._closes_at(resident)
        if closes_at <= deadline:
            return False
        self._push(resident, resident.state.key, closes_at)
        if resident.state.wrap_up_arrival is not None:
            resident.notable_before = closes_at - self._soonest
        return True

    def _push(self, resident: ResidentSession, key: SessionKey, deadline: int) -> None:
        resident.due = deadline
        heapq.heappush(self._queue, (deadline, key))

    def _closes_at(self, resident: ResidentSession) -> int:
        state, rules = resident.state, self._rules
        idle = state.last_arrival + rules.close_idle
        if state.wrap_up_arrival is None:
            return idle
        if self._numbering.contiguous and resident.runs.complete:
            return min(idle, state.last_arrival + rules.close_after_wrap_up)
        return min(idle, state.wrap_up_arrival + rules.hold_hole)
