"""What a session's events say beyond what was told of them, without reading all of them anew.

Samples are told by the minute: all of the first so many events to arrive, up to ``since``. What
arrives later mostly adds to that, and only what it adds needs to be worked out; where it changes
what was told, the whole has to be compared. Times in epoch ms; ``since`` and ``before`` are
starts of minutes.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter

from worker.sessions.direct import CONFIGURING, DirectWalk
from worker.sessions.held import Held
from worker.sessions.log import Row, in_order
from worker.sessions.sample import Samples, minute_of
from worker.sessions.spoken import SpokenWalk


def further_direct(held: Held, before: int) -> Samples | None:
    """The direct samples before ``before`` that were not told; None if some told one changes.

    Of two rows with one identity it must not be that one was told and the other was not. All
    that is told by ``before`` must be told at once: the next time the session leaves it out.
    """
    state = held.state
    base, mark = state.base, state.direct
    rows, left_out = held.rows_to_tell()
    held.tell_rows(rows, before)
    low, high, newcomer = mark.before - base, before - base, mark.oldest_new
    first, first_told = state.oldest - base, state.oldest - base
    if newcomer == state.oldest:
        told = (held.rows() if left_out else rows)[: mark.count]
        first_told = min((row.timestamp for row in told), default=high)
    late: list[Row] = []
    if newcomer is not None and newcomer < mark.before:
        late = [row for row in rows[mark.count - left_out :] if row.timestamp < low]
        if any(row.name in CONFIGURING for row in late):
            return None
    started = first_told < low
    if started and minute_of(base + first) < minute_of(base + first_told):
        return None  # the session began in another minute than was told
    walk = DirectWalk(Samples())
    if not started and first < high:
        walk.begin(base + first)
    coming = [
        row
        for row in rows
        if row.timestamp < high and (row.timestamp >= low or row.name in CONFIGURING)
    ]
    walk.walk(in_order(late + coming).rows, base, mark.before)
    return walk.samples


def further_turn(rows: list[Row], base: int, since: int, before: int) -> Samples:
    """The turn samples from ``since`` to ``before``, of a session that isn't closed by then."""
    return _walk(rows, base, since, before).samples


def further_turn_of_closed(rows: list[Row], base: int, since: int, before: int) -> Samples:
    """The same, and what the close decides if ``before`` is after the last event."""
    walk = _walk(rows, base, since, before)
    last = base + max(row.timestamp for row in rows)
    if last < before:
        walk.close(last)
    return walk.samples


def _walk(rows: list[Row], base: int, since: int, before: int) -> SpokenWalk:
    low, high = since - base, before - base
    ordered = in_order([row for row in rows if row.timestamp < high]).rows
    walk = SpokenWalk(Samples(), base + (ordered[0].timestamp if ordered else 0))
    coming = bisect_left(ordered, low, key=attrgetter("timestamp"))
    walk.walk(ordered[:coming], base)
    walk.samples.forget()
    walk.walk(ordered[coming:], base)
    return walk
