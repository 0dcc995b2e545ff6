"""Incremental samples: those that new events add to the emitted ones, without a whole analysis.

Samples are emitted by the minute: all those of the first ``count`` events to arrive whose minutes
lie before the cursor's ``before``. Later arrivals mostly add to these, and only the addition is
computed here; where they change an emitted sample, the caller must compare whole analyses. Times in
epoch ms; each ``before`` is the start of a minute.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import Final

from worker.sessions.conversation_walk import ConversationWalk, conversation_walk
from worker.sessions.event_log import LoggedEvent, in_order
from worker.sessions.event_walk import CONFIGURING, EventWalk
from worker.sessions.links import may_change_told
from worker.sessions.resident_session import ResidentSession
from worker.sessions.samples import Samples
from worker.sessions.sequence_numbers import holes_of
from worker.times.minutes import minute_of


def incremental_direct(resident: ResidentSession, before: int) -> Samples | None:
    """Return the direct samples before ``before`` that weren't emitted; None if an emitted one
    changes.

    Two rows with one identity must not be such that one was emitted and the other wasn't. The
    caller must emit all samples before ``before`` at once: the next call leaves their rows out.
    """
    state = resident.state
    base, mark = state.base, state.direct
    rows, left_out = resident.rows_to_emit()
    resident.mark_rows_emitted(rows, before)
    low, high, newcomer = mark.before - base, before - base, mark.oldest_new
    first, first_emitted = state.oldest - base, state.oldest - base
    if newcomer == state.oldest:
        emitted = (resident.rows() if left_out else rows)[: mark.count]
        first_emitted = min((row.timestamp for row in emitted), default=high)
    late: list[LoggedEvent] = []
    if newcomer is not None and newcomer < mark.before:
        late = [row for row in rows[mark.count - left_out :] if row.timestamp < low]
        if any(row.name in CONFIGURING for row in late):
            return None
    started = first_emitted < low
    if started and minute_of(base + first) < minute_of(base + first_emitted):
        return None  # the session began in another minute than the emitted one
    walk = EventWalk(Samples())
    if not started and first < high:
        walk.begin(base + first)
    coming = [
        row
        for row in rows
        if row.timestamp < high and (row.timestamp >= low or row.name in CONFIGURING)
    ]
    walk.walk(in_order(late + coming).rows, base, mark.before)
    return walk.samples


def incremental_turn(resident: ResidentSession, before: int, *, contiguous: bool) -> Samples | None:
    """Return the turn samples before ``before`` that weren't emitted; None if an emitted one may
    change.

    No event may have arrived since that belongs to an emitted minute. ``contiguous``: see
    ``analyse``.
    """
    walk = _walk(resident, before, contiguous=contiguous)
    if walk is None:
        return None
    samples = walk.drain()
    if resident.state.closed is None and resident.state.count >= _LONG:
        walk.turns.holes = None  # the next walk has its own, which take many times the log's memory
        resident.turn_walk = before, walk
    return samples


def incremental_turn_of_closed(
    resident: ResidentSession, before: int, *, contiguous: bool
) -> Samples | None:
    """Return the same as ``incremental_turn``, for a closed session: with the samples that the
    close decides if ``before`` is after the last event.
    """
    walk = _walk(resident, before, contiguous=contiguous)
    if walk is None:
        return None
    if resident.state.newest < before:
        walk.close()
    return walk.samples


def _walk(resident: ResidentSession, before: int, *, contiguous: bool) -> ConversationWalk | None:
    """Return a walk that ends at ``before``, with the samples of all events not yet emitted."""
    state, rows = resident.state, resident.rows()
    low, high = state.turn.before - state.base, before - state.base
    kept, resident.turn_walk = resident.turn_walk, None
    ordered = in_order(rows)
    first = bisect_left(ordered.rows, low, key=_TIME)
    emitted, coming = ordered.rows[:first], ordered.rows[first:]
    new = rows[state.turn.count :]
    if (contiguous and _fills_a_hole(new, emitted)) or may_change_told(new, emitted):
        return None
    holes = holes_of(ordered) if contiguous else None
    if kept is not None and kept[0] == state.turn.before:
        walk = kept[1]
        walk.link(ordered.rows)
    else:
        walk = conversation_walk(Samples(), state.base, ordered.rows)
        walk.walk(emitted, holes)
        walk.drain()
    walk.walk(coming[: bisect_left(coming, high, key=_TIME)], holes)
    return walk


def _fills_a_hole(new: list[LoggedEvent], emitted: list[LoggedEvent]) -> bool:
    """Whether new events may have filled a hole between emitted ones."""
    if not new or not emitted:
        return False
    lowest = min(row.sequence_number for row in new)
    return any(row.sequence_number > lowest for row in emitted)


_TIME: Final = attrgetter("timestamp")
_LONG: Final = 250
"""A session of at least so many events keeps its walk, which takes at most half the memory of its
log, and continues it; for a shorter one the walk is repeated over the emitted events.
"""
