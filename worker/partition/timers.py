"""When something is due, in stream time: releases by the minute, and the close of sessions."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping

from worker.events.event import SessionKey
from worker.partition.numbering import Numbering
from worker.partition.rules import Rules
from worker.sessions.resident_session import ResidentSession


def releases(
    rules: Rules, after: int, until: int, anything_held: Callable[[], bool]
) -> Iterator[int]:
    """The instants after ``after`` up to ``until`` at which something may be released.

    They are those at which a minute ended ``hold_direct`` ago, and time is gone through instant by
    instant, so that of what was folded, what is released when doesn't depend on the steps in which
    time went on. Ends early when nothing is held any more.

    What has been folded by then does depend on how far each shard was read. All that arrived up
    to an instant is among it, so what comes within its hold is told the same in any case. Of a
    shard that is read ahead there may be more: what it completes is then told earlier, and an
    event that arrived after its minute's hold is told before others that came as late on a shard
    read less far, and these may change what it said. To wait for stream time to reach a session's
    last arrival would mend that, and hold up every session that is just speaking.
    """
    every = rules.release_every
    phase = rules.hold_direct % every
    instant = after - (after - phase) % every + every
    while instant <= until and anything_held():
        yield instant
        instant += every


class CloseTimers:
    """When open sessions close.

    A session stands in the queue with a time before which it doesn't close, and is looked at again
    when that has come. New arrivals put its close off, or fill its last hole and bring it forward:
    no further than to ``close_after_wrap_up`` after that arrival.
    """

    def __init__(self, rules: Rules, numbering: Numbering) -> None:
        self._rules = rules
        self._numbering = numbering
        self._soonest = min(rules.close_after_wrap_up, rules.hold_hole, rules.close_idle)
        """How soon after the arrival of an event a session with a wrap-up may close."""
        self._queue: list[tuple[int, SessionKey]] = []

    def schedule(self, resident: ResidentSession) -> None:
        """A session came into memory."""
        state = resident.state
        if state.closed is not None:
            return
        if state.wrap_up_arrival is None:
            self._push(resident, state.key, state.last_arrival + self._rules.close_idle)
        else:
            self.wraps_up(resident, state.key, state.wrap_up_arrival)

    def wraps_up(self, resident: ResidentSession, key: SessionKey, arrival: int) -> None:
        """An event arrived at a session whose wrap-up has come, or is this very event."""
        if arrival + self._soonest < resident.due:
            self._push(resident, key, arrival + self._soonest)
            resident.notable_before = arrival

    def reached(
        self, instant: int, resident: Mapping[SessionKey, ResidentSession]
    ) -> Iterator[tuple[int, ResidentSession]]:
        """The sessions to look at by ``instant``, each with its deadline, earliest first: there it
        closes unless it is ``put_off``.
        """
        while self._queue and self._queue[0][0] <= instant:
            deadline, key = heapq.heappop(self._queue)
            session = resident.get(key)
            if session is not None and session.open and session.due == deadline:
                yield deadline, session

    def put_off(self, resident: ResidentSession, deadline: int) -> bool:
        """Whether a session closes later than at its deadline: then it is looked at again."""
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
