"""What a session's events say beyond what was told of them, without reading all of them anew.

Samples are told by the minute: all of the first so many events to arrive, up to ``since``. What
arrives later mostly adds to that, and only what it adds needs to be worked out; where it changes
what was told, the whole has to be compared. Times in epoch ms; ``since`` and ``before`` are
starts of minutes.
"""

from __future__ import annotations

from typing import Final

from worker.sessions.conversation_walk import ConversationWalk
from worker.sessions.event_log import LoggedEvent, in_order
from worker.sessions.event_walk import CONFIGURING, EventWalk
from worker.sessions.resident_session import ResidentSession
from worker.sessions.samples import Samples
from worker.sessions.sequence_numbers import holes_of
from worker.times.minutes import minute_of


def incremental_direct(resident: ResidentSession, before: int) -> Samples | None:
    """The direct samples before ``before`` that were not told; None if some told one changes.

    Of two rows with one identity it must not be that one was told and the other was not. All
    that is told by ``before`` must be told at once: the next time the session leaves it out.
    """
    state = resident.state
    base, mark = state.base, state.direct
    rows, left_out = resident.rows_to_emit()
    resident.mark_rows_emitted(rows, before)
    low, high, newcomer = mark.before - base, before - base, mark.oldest_new
    first, first_told = state.oldest - base, state.oldest - base
    if newcomer == state.oldest:
        emitted = (resident.rows() if left_out else rows)[: mark.count]
        first_told = min((row.timestamp for row in emitted), default=high)
    late: list[LoggedEvent] = []
    if newcomer is not None and newcomer < mark.before:
        late = [row for row in rows[mark.count - left_out :] if row.timestamp < low]
        if any(row.name in CONFIGURING for row in late):
            return None
    started = first_told < low
    if started and minute_of(base + first) < minute_of(base + first_told):
        return None  # the session began in another minute than was told
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


def incremental_turn(
    resident: ResidentSession, before: int, *, contiguous: bool = True
) -> Samples | None:
    """The turn samples before ``before`` that were not told; None if a told one may change.

    Nothing may have come since that belongs to a time which was told. ``contiguous``: see ``read``.
    """
    walk = _walk(resident, before, contiguous=contiguous)
    if walk is None:
        return None
    samples = walk.drain()
    if resident.state.closed is None and resident.state.count >= _LONG:
        resident.turn_walk = before, walk
    return samples


def incremental_turn_of_closed(
    resident: ResidentSession, before: int, *, contiguous: bool = True
) -> Samples | None:
    """The same, and what the close decides if ``before`` is after the last event."""
    walk = _walk(resident, before, contiguous=contiguous)
    if walk is None:
        return None
    if resident.state.newest < before:
        walk.close()
    return walk.samples


def _walk(resident: ResidentSession, before: int, *, contiguous: bool) -> ConversationWalk | None:
    """A walk that ends at ``before``, and has the samples of all events since those told of."""
    state, rows = resident.state, resident.rows()
    low, high = state.turn.before - state.base, before - state.base
    kept, resident.turn_walk = resident.turn_walk, None
    emitted = [row for row in rows if row.timestamp < low]
    if contiguous and _fills_a_hole(rows[state.turn.count :], emitted):
        return None
    holes = holes_of(rows) if contiguous else None
    if kept is not None and kept[0] == state.turn.before:
        walk = kept[1]
    else:
        walk = ConversationWalk(Samples(), state.base)
        walk.walk(in_order(emitted).rows, holes)
        walk.drain()
    coming = [row for row in rows if low <= row.timestamp < high]
    walk.walk(in_order(coming).rows, holes)
    return walk


def _fills_a_hole(new: list[LoggedEvent], emitted: list[LoggedEvent]) -> bool:
    """Whether a span between told events may have lost a hole by what is new since."""
    if not new or not emitted:
        return False
    lowest = min(row.sequence_number for row in new)
    return any(row.sequence_number > lowest for row in emitted)


_LONG: Final = 250
"""A session of so many events keeps its walk, which takes half the memory of its log or less, and
goes on from there; a shorter one goes through what it has told anew.
"""
