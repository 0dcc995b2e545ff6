"""What a session's events say beyond what was told of them, without reading all of them anew.

Samples are told by the minute: all of the first ``told`` events to arrive, up to ``since``. What
arrives later mostly adds to that, and only what it adds needs to be worked out; where it changes
what was told, the whole has to be compared. Times in epoch ms; ``since`` and ``before`` are
starts of minutes.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter

from worker.sessions.direct import CONFIGURING, DirectWalk
from worker.sessions.log import Row, in_order
from worker.sessions.sample import Samples, minute_of
from worker.sessions.spoken import SpokenWalk


def further_direct(
    rows: list[Row], base: int, told: int, since: int, before: int
) -> Samples | None:
    """The direct samples before ``before`` that were not told; None if some told one changes.

    Of two rows with one identity it must not be that one was told and the other was not.
    """
    low, high = since - base, before - base
    first = min(row.timestamp for row in rows)
    first_told = min((row.timestamp for row in rows[:told]), default=high)
    started = first_told < low
    late = [row for row in rows[told:] if row.timestamp < low]
    if any(row.name in CONFIGURING for row in late):
        return None
    if started and minute_of(base + first) < minute_of(base + first_told):
        return None  # the session began in another minute than was told
    walk = DirectWalk(Samples())
    if not started and first < high:
        walk.begin(base + first)
    known = [row for row in rows[:told] if row.timestamp < low and row.name in CONFIGURING]
    coming = [row for row in rows if low <= row.timestamp < high]
    walk.walk(in_order(known + late + coming).rows, base, since)
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
