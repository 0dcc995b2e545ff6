"""What a session has to tell since it last told: its new samples, each exactly once.

A late event changes what a session's events say. The session is read anew, and what the new
set of events has and the told one lacks goes out. What was told and is no longer true can't
be taken back from CloudWatch: it is counted, and remembered, so that it isn't told twice
should it become true again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from worker.metrics.catalogue import CATALOGUE, Hold
from worker.metrics.series import Told
from worker.partition.commit_outputs import Reason, SeriesMinute
from worker.partition.holds import Due
from worker.partition.metric_windows import Counted, Gathered, Span
from worker.partition.series_registry import SeriesBook, owner_of
from worker.sessions.analysis import direct_samples, turn_samples
from worker.sessions.event_log import Row
from worker.sessions.incremental import further_direct, further_turn, further_turn_of_closed
from worker.sessions.resident import Held
from worker.sessions.samples import Samples, split
from worker.sessions.state import Mark, Session
from worker.sessions.summary import summary_of
from worker.times.minutes import AFTER_ALL, MINUTE

_HOLDS: Final = {name: metric.hold for name, metric in CATALOGUE.items()}
_ALL: Final = Span(AFTER_ALL, AFTER_ALL)


def has_to_tell(state: Session, hold: Hold, due: Due) -> bool:
    """Whether ``tell`` might find something; cheap, for it is asked of every session often."""
    mark = _mark(state, hold)
    before = max(due.before, mark.before)
    if mark.oldest_new is not None and mark.oldest_new < before:
        return True
    if mark.closing != _closing(state, hold) or _is_read_anew(mark, hold, due):
        return True
    if hold is Hold.DIRECT and state.contextual < min(mark.before, due.contextual):
        return True
    return mark.before < before and mark.before <= state.newest and state.oldest < before


def has_told_all(state: Session) -> bool:
    """Whether nothing is left to tell of a closed session unless an event arrives."""
    direct, turn = state.direct, state.turn
    if not (state.summarised and turn.closing and direct.count == turn.count == state.count):
        return False
    return min(direct.before, state.contextual, turn.before) > state.newest


def tell(held: Held, hold: Hold, due: Due, gathered: Gathered) -> int:
    """Add what ``held`` has to tell of the minutes that are ``due`` to ``gathered``, and mark it as
    told. Gives how many told samples turned out untrue.

    ``hold`` is DIRECT or TURN. What was once told up to some minute stays told up to there.
    """
    state = held.state
    mark, told = _mark(state, hold), _told(state, hold)
    span = Span(max(due.before, told.before), max(due.contextual, told.contextual))
    further = None
    if not _is_read_anew(mark, hold, due):
        further = _further(held, hold, due, told, span, gathered.book)
    retracted = 0
    if further is not None and not _meet(further, _surplus(state, hold)):
        gathered.spread(further, span, owner_of(state.key))
        minutes = {minute for (_, minute), part in further.parts.items() if part}
    else:
        minutes, retracted = _compare(held, hold, due, further, span, gathered)
    _note_waits(hold, due, told, span, minutes, gathered)
    mark.count, mark.before, mark.oldest_new = state.count, span.before, None
    mark.closing, mark.contiguous = _closing(state, hold), due.contiguous
    if hold is Hold.DIRECT:
        state.contextual = span.contextual
        held.resettled = False
    return retracted


def _told(state: Session, hold: Hold) -> Span:
    """The minutes that were told."""
    if hold is Hold.DIRECT:
        return Span(state.direct.before, state.contextual)
    return Span(state.turn.before, state.turn.before)


def _note_waits(
    hold: Hold, due: Due, told: Span, span: Span, minutes: set[int], gathered: Gathered
) -> None:
    """Note how long each of these minutes, if it leaves, has waited."""
    if due.instant is None:
        return
    for minute in minutes:
        if minute < span.before:
            reason: Reason = "complete" if minute < due.complete else due.reason
            if minute < told.contextual:
                reason = "late"
            gathered.waited(hold, reason, due.instant - minute - MINUTE)


def _is_read_anew(mark: Mark, hold: Hold, due: Due) -> bool:
    """Whether what was told took sequence numbers for what they are no more taken for."""
    return hold is Hold.TURN and mark.count > 0 and mark.contiguous != due.contiguous


def _further(
    held: Held, hold: Hold, due: Due, told: Span, span: Span, book: SeriesBook
) -> Samples | None:
    """The samples to tell, if they can be had without those that were told."""
    if hold is Hold.TURN:
        return _further_turn(held, span.before, contiguous=due.contiguous)
    state, mark = held.state, held.state.direct
    if not mark.count and state.newest < span.before:
        return held.reading(contiguous=due.contiguous).direct.samples
    if held.resettled and mark.count:
        return None
    if told.contextual == told.before and span.contextual == span.before:
        return further_direct(held, span.before)
    if mark.oldest_new is not None and mark.oldest_new < told.before:
        return None
    # a session whose beginning hasn't come, which lasts no longer than ``hold_hole``
    return _beyond(held.reading(contiguous=due.contiguous).direct.samples, told, book)


def _beyond(samples: Samples, told: Span, book: SeriesBook) -> Samples:
    """The samples of other minutes than these."""
    beyond = Samples()
    for (context, minute), part in samples.parts.items():
        if minute >= told.before:
            beyond.parts[context, minute] = part
        elif minute >= told.contextual:
            waiting = {kind: some for kind, some in part.items() if book.is_contextual(kind)}
            beyond.parts[context, minute] = defaultdict(list, waiting)
    return beyond


def _further_turn(held: Held, before: int, *, contiguous: bool) -> Samples | None:
    state = held.state
    mark = state.turn
    late = mark.oldest_new is not None and mark.oldest_new < mark.before
    if late or (mark.closing and mark.count != state.count):
        return None
    if not mark.count and state.newest < before:
        return held.reading(contiguous=contiguous).spoken.samples
    if state.closed is None or (mark.closing and state.newest < mark.before):
        return further_turn(held, before, contiguous=contiguous)
    return further_turn_of_closed(held, before, contiguous=contiguous)


def _compare(
    held: Held, hold: Hold, due: Due, further: Samples | None, span: Span, gathered: Gathered
) -> tuple[set[int], int]:
    """Tell what is so now and was not told; keep what was told and isn't so as surplus. Gives the
    minutes of the one, and how much the other has grown by.

    ``further``: what is new, if all else that was told still stands.
    """
    state = held.state
    mark, owner = _mark(state, hold), owner_of(state.key)
    surplus = _surplus(state, hold)
    once, now = Gathered(gathered.book), Gathered(gathered.book)
    for (series, minute, value), count in surplus.items():
        once.add((series, minute), {value: count})
    if further is None:
        rows = held.rows()
        if hold is Hold.TURN:
            held.turn_walk = None
        closing = state.closed is not None
        further = _samples(rows, state.base, hold, closing=closing, contiguous=due.contiguous)
        if mark.count:
            told_rows = rows[: mark.count]
            before_now = _samples(
                told_rows, state.base, hold, closing=mark.closing, contiguous=mark.contiguous
            )
            once.spread(before_now, _told(state, hold), owner)
    now.spread(further, span, owner)
    told, true = once.count(), now.count()
    minutes = set()
    for place, new in _without(true, told):
        gathered.add(place, new)
        minutes.add(place[1])
    untrue = Counter(
        {
            Told(*place, value): count
            for place, old in _without(told, true)
            for value, count in old.items()
        }
    )
    others = [one for one in state.surplus if _HOLDS[one[0].series.metric] is not hold]
    state.surplus = others + list(untrue.items())
    return minutes, (untrue - surplus).total()


def _surplus(state: Session, hold: Hold) -> Counter[Told]:
    return Counter({one: n for one, n in state.surplus if _HOLDS[one.series.metric] is hold})


def _meet(samples: Samples, surplus: Counter[Told]) -> bool:
    """Whether there are samples of a minute of a metric that has a surplus there."""
    if not surplus:
        return False
    places = {(one.series.metric, one.minute) for one in surplus}
    return any(
        (split(kind)[0], minute) in places
        for (_, minute), part in samples.parts.items()
        for kind in part
    )


def summarise(held: Held, gathered: Gathered) -> None:
    """Add the per-session samples of a closed session, as it was at its first close."""
    closed = held.state.closed
    if closed is None:
        return
    if held.summary is None:
        reading = held.reading_of(closed.count, closing=True, contiguous=closed.contiguous)
        held.summary = summary_of(reading)
    gathered.spread(held.summary, _ALL, owner_of(held.state.key))


def _mark(state: Session, hold: Hold) -> Mark:
    return state.direct if hold is Hold.DIRECT else state.turn


def _closing(state: Session, hold: Hold) -> bool:
    """Whether the close has a say in these samples; it has none in direct ones."""
    return hold is Hold.TURN and state.closed is not None


def _samples(rows: list[Row], base: int, hold: Hold, *, closing: bool, contiguous: bool) -> Samples:
    if hold is Hold.DIRECT:
        return direct_samples(rows, base)
    return turn_samples(rows, base, closing=closing, contiguous=contiguous)


def _without(one: Counted, other: Counted) -> Iterator[tuple[SeriesMinute, Counter[int]]]:
    """What ``one`` has and ``other`` lacks, where there is something."""
    for place, counts in one.items():
        if place not in other:
            yield place, counts
        # they are mostly equal, which a Counter is slow to find out
        elif not dict.__eq__(counts, other[place]) and (rest := counts - other[place]):
            yield place, rest
