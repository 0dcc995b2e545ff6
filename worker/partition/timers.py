"""When something is due, in stream time: releases by the minute, and the close of sessions."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping

from worker.events.event import SessionKey
from worker.metrics.catalogue import Hold
from worker.partition.rules import Rules
from worker.sessions.resident import Held
from worker.sessions.state import Session
from worker.times.minutes import minute_of


def releases(
    rules: Rules, after: int, until: int, anything_held: Callable[[], bool]
) -> Iterator[int]:
    """The instants after ``after`` up to ``until`` at which something may be released.

    A minute is due at its end plus a hold, and time is gone through instant by instant, so that
    of what was folded, what is released when doesn't depend on the steps in which time went on.
    Ends early when nothing is held any more.

    What has been folded by then does depend on how far each shard was read. All that arrived up
    to an instant is among it, so what comes within its hold is told the same in any case. Of a
    shard that is read ahead there may be more: an event that arrived after the instant, and so
    after its minute's hold, is then told before others that came as late on a shard read less
    far, and these may change what it said. To wait for stream time to reach a session's last
    arrival would mend that, and hold up every session that is just speaking.
    """
    every = rules.release_every
    phases = sorted({rules.hold_direct % every, rules.hold_turn % every})
    start = after - after % every
    while start <= until and anything_held():
        for phase in phases:
            if after < start + phase <= until:
                yield start + phase
        start += every


def due_before(rules: Rules, hold: Hold, state: Session, instant: int) -> int:
    """The end of the minutes of which a session may tell at an instant."""
    if hold is Hold.DIRECT:
        return minute_of(instant - rules.hold_direct)
    quiet = instant - state.last_arrival >= rules.quiet
    return minute_of(instant - (rules.hold_turn if quiet else rules.hold_max))


class Deadlines:
    """When open sessions close: so long after the arrival of a wrap-up, or of anything new.

    A deadline only ever moves on with new arrivals, so a session stands in the queue with an
    early one and is looked at again when that has come.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._queue: list[tuple[int, SessionKey]] = []

    def watch(self, state: Session) -> None:
        """A session was opened, or its wrap-up came."""
        if state.closed is None:
            heapq.heappush(self._queue, (self._closes_at(state), state.key))

    def reached(self, instant: int, held: Mapping[SessionKey, Held]) -> Iterator[tuple[int, Held]]:
        """The sessions that close by ``instant``, each with its deadline, earliest first."""
        while self._queue and self._queue[0][0] <= instant:
            deadline, key = heapq.heappop(self._queue)
            session = held.get(key)
            if session is None or session.state.closed is not None:
                continue
            closes_at = self._closes_at(session.state)
            if closes_at > deadline:
                heapq.heappush(self._queue, (closes_at, key))
            else:
                yield deadline, session

    def _closes_at(self, state: Session) -> int:
        idle = state.last_arrival + self._rules.close_idle
        if state.wrap_up_arrival is None:
            return idle
        return min(idle, state.wrap_up_arrival + self._rules.close_after_wrap_up)
