"""What a session's events say beyond what was told of them, without reading all of them anew.

Samples are told by the minute: all of the first so many events to arrive, up to ``since``. What
arrives later mostly adds to that, and only what it adds needs to be worked out; where it changes
what was told, the whole has to be compared. Times in epoch ms; ``since`` and ``before`` are
starts of minutes.
"""

from __future__ import annotations

from typing import Final

from worker.sessions.conversation_walk import SpokenWalk
from worker.sessions.event_log import Row, in_order
from worker.sessions.event_walk import CONFIGURING, DirectWalk
from worker.sessions.resident import Held
from worker.sessions.samples import Samples
from worker.times.minutes import BEFORE_ALL, minute_of


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


def further_turn(held: Held, before: int) -> Samples:
    """The turn samples before ``before`` that were not told, if no told one changes."""
    walk = _walk(held, before)
    samples = walk.take()
    if held.state.closed is None and held.state.count >= _LONG:
        held.turn_walk = before, walk
    return samples


def further_turn_of_closed(held: Held, before: int) -> Samples:
    """The same, and what the close decides if ``before`` is after the last event."""
    walk = _walk(held, before)
    if held.state.newest < before:
        walk.close(held.state.newest)
    return walk.samples


def _walk(held: Held, before: int) -> SpokenWalk:
    """A walk that ends at ``before``, and has the samples of all events since those told of."""
    state, rows = held.state, held.rows()
    base, since = state.base, state.turn.before
    kept, held.turn_walk = held.turn_walk, None
    if kept is not None and kept[0] == since:
        walk = kept[1]
    else:
        walk = SpokenWalk(Samples(), state.oldest)
        _go_on(walk, rows, base, BEFORE_ALL, since)
        walk.take()
    _go_on(walk, rows, base, since, before)
    return walk


def _go_on(walk: SpokenWalk, rows: list[Row], base: int, since: int, before: int) -> None:
    low, high = since - base, before - base
    walk.walk(in_order([row for row in rows if low <= row.timestamp < high]).rows, base)


_LONG: Final = 250
"""A session of so many events keeps its walk, which takes half the memory of its log or less, and
goes on from there; a shorter one goes through what it has told anew.
"""
