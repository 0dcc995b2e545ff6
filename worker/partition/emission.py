"""Emission: a session's new samples since it last emitted, each exactly once.

A late event can change the samples that a session's events yield. The session is analysed again,
and the samples of the new set of events that the emitted set lacks are emitted. Emitted samples
that no longer hold can't be withdrawn from CloudWatch: they are counted as retracted, and
remembered as over-emitted, so that they aren't emitted twice should they hold again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from worker.metrics.catalogue import CATALOGUE, Hold
from worker.metrics.series import EmittedSample
from worker.partition.commit_outputs import ReleaseReason, SeriesMinute
from worker.partition.holds import Due
from worker.partition.metric_windows import Counted, MetricWindows, MinuteSpan
from worker.partition.series_registry import SeriesBook, owner_of
from worker.sessions.analysis import direct_samples, turn_samples
from worker.sessions.event_log import LoggedEvent
from worker.sessions.incremental import (
    incremental_direct,
    incremental_turn,
    incremental_turn_of_closed,
)
from worker.sessions.resident_session import ResidentSession
from worker.sessions.samples import Samples, split
from worker.sessions.state import EmitCursor, Session
from worker.sessions.summary import summary_of
from worker.times.minutes import AFTER_ALL, MINUTE

_HOLDS: Final = {name: metric.hold for name, metric in CATALOGUE.items()}
_ALL: Final = MinuteSpan(AFTER_ALL, AFTER_ALL)


def has_to_emit(state: Session, hold: Hold, due: Due) -> bool:
    """Whether ``emit`` might find something; cheap, because every session is checked often."""
    mark = _mark(state, hold)
    before = max(due.before, mark.before)
    if mark.oldest_new is not None and mark.oldest_new < before:
        return True
    if mark.closing != _closing(state, hold) or _is_reanalysed(mark, hold, due):
        return True
    if hold is Hold.DIRECT and state.contextual < min(mark.before, due.contextual):
        return True
    return mark.before < before and mark.before <= state.newest and state.oldest < before


def has_emitted_all(state: Session) -> bool:
    """Whether a closed session has nothing left to emit unless an event arrives."""
    direct, turn = state.direct, state.turn
    if not (state.summarised and turn.closing and direct.count == turn.count == state.count):
        return False
    return min(direct.before, state.contextual, turn.before) > state.newest


def emit(resident: ResidentSession, hold: Hold, due: Due, windows: MetricWindows) -> int:
    """Add the new samples of a session's minutes that are ``due`` to ``windows``, and move its
    cursor. Returns how many emitted samples its events now contradict.

    ``hold`` is DIRECT or TURN. Minutes that were once emitted stay emitted.
    """
    state = resident.state
    mark, emitted = _mark(state, hold), _emitted_span(state, hold)
    span = MinuteSpan(max(due.before, emitted.before), max(due.contextual, emitted.contextual))
    incremental = None
    if not _is_reanalysed(mark, hold, due):
        incremental = _incremental(resident, hold, due, emitted, span, windows.book)
    retracted = 0
    if incremental is not None and not _meet(incremental, state, hold):
        windows.add_samples(incremental, span, owner_of(state.key))
        windows.note_slowest(incremental, span, state.key)
        minutes = {minute for (_, minute), part in incremental.parts.items() if part}
    else:
        minutes, retracted = _compare(resident, hold, due, incremental, span, windows)
    _note_waits(hold, due, emitted, span, minutes, windows)
    mark.count, mark.before, mark.oldest_new = state.count, span.before, None
    mark.closing, mark.contiguous = _closing(state, hold), due.contiguous
    if hold is Hold.DIRECT:
        state.contextual = span.contextual
        resident.resettled = False
    return retracted


def _emitted_span(state: Session, hold: Hold) -> MinuteSpan:
    """The minutes that have been emitted."""
    if hold is Hold.DIRECT:
        return MinuteSpan(state.direct.before, state.contextual)
    return MinuteSpan(state.turn.before, state.turn.before)


def _note_waits(
    hold: Hold,
    due: Due,
    emitted: MinuteSpan,
    span: MinuteSpan,
    minutes: set[int],
    windows: MetricWindows,
) -> None:
    """Record how long each of these minutes waited, if it is released now."""
    if due.instant is None:
        return
    for minute in minutes:
        if minute < span.before:
            reason: ReleaseReason = "complete" if minute < due.complete else due.reason
            if minute < emitted.contextual:
                reason = "late"
            windows.waited(hold, reason, due.instant - minute - MINUTE)


def _is_reanalysed(mark: EmitCursor, hold: Hold, due: Due) -> bool:
    """Whether the emitted samples assumed another meaning of absent sequence numbers than holds
    now.
    """
    return hold is Hold.TURN and mark.count > 0 and mark.contiguous != due.contiguous


def _incremental(
    resident: ResidentSession,
    hold: Hold,
    due: Due,
    emitted: MinuteSpan,
    span: MinuteSpan,
    book: SeriesBook,
) -> Samples | None:
    """Return the samples to emit if they can be computed without the emitted ones, else None."""
    if hold is Hold.TURN:
        return _incremental_turn(resident, span.before, contiguous=due.contiguous)
    state, mark = resident.state, resident.state.direct
    if not mark.count and state.newest < span.before:
        return resident.analysis(contiguous=due.contiguous).direct.samples
    if resident.resettled and mark.count:
        return None
    if emitted.contextual == emitted.before and span.contextual == span.before:
        return incremental_direct(resident, span.before)
    if mark.oldest_new is not None and mark.oldest_new < emitted.before:
        return None
    # the session's beginning hasn't arrived, a state that lasts for at most ``hold_hole``
    return _beyond(resident.analysis(contiguous=due.contiguous).direct.samples, emitted, book)


def _beyond(samples: Samples, emitted: MinuteSpan, book: SeriesBook) -> Samples:
    """Return the samples of minutes that haven't been emitted."""
    beyond = Samples()
    for (context, minute), part in samples.parts.items():
        if minute >= emitted.before:
            beyond.parts[context, minute] = part
        elif minute >= emitted.contextual:
            waiting = {kind: some for kind, some in part.items() if book.is_contextual(kind)}
            beyond.parts[context, minute] = defaultdict(list, waiting)
    return beyond


def _incremental_turn(
    resident: ResidentSession, before: int, *, contiguous: bool
) -> Samples | None:
    state = resident.state
    mark = state.turn
    late = mark.oldest_new is not None and mark.oldest_new < mark.before
    if late or (mark.closing and mark.count != state.count):
        return None
    if not mark.count and state.newest < before:
        return resident.analysis(contiguous=contiguous).conversation.samples
    if state.closed is None or (mark.closing and state.newest < mark.before):
        return incremental_turn(resident, before, contiguous=contiguous)
    return incremental_turn_of_closed(resident, before, contiguous=contiguous)


def _compare(
    resident: ResidentSession,
    hold: Hold,
    due: Due,
    incremental: Samples | None,
    span: MinuteSpan,
    windows: MetricWindows,
) -> tuple[set[int], int]:
    """Emit the samples that hold now and weren't emitted; keep those that were emitted and no
    longer hold as over-emitted. Return the minutes of the former, and the number of samples newly
    added to the latter.

    ``incremental``: the new samples, if all emitted ones still hold.
    """
    state = resident.state
    mark, owner = _mark(state, hold), owner_of(state.key)
    over_emitted = _over_emitted(state, hold)
    once, now = MetricWindows(windows.book), MetricWindows(windows.book)
    for (series, minute, value), count in over_emitted.items():
        once.add((series, minute), {value: count})
    if incremental is None:
        rows = resident.rows()
        if hold is Hold.TURN:
            resident.turn_walk = None
        closing = state.closed is not None
        incremental = _samples(rows, state.base, hold, closing=closing, contiguous=due.contiguous)
        if mark.count:
            emitted_rows = rows[: mark.count]
            before_now = _samples(
                emitted_rows, state.base, hold, closing=mark.closing, contiguous=mark.contiguous
            )
            once.add_samples(before_now, _emitted_span(state, hold), owner)
    now.add_samples(incremental, span, owner)
    emitted, current = once.count(), now.count()
    minutes = set()
    for place, new in _without(current, emitted):
        windows.add(place, new)
        minutes.add(place[1])
    contradicted = Counter(
        {
            EmittedSample(*place, value): count
            for place, old in _without(emitted, current)
            for value, count in old.items()
        }
    )
    others = [one for one in state.over_emitted if _HOLDS[one[0].series.metric] is not hold]
    state.over_emitted = others + list(contradicted.items())
    return minutes, (contradicted - over_emitted).total()


def _over_emitted(state: Session, hold: Hold) -> Counter[EmittedSample]:
    return Counter({one: n for one, n in state.over_emitted if _HOLDS[one.series.metric] is hold})


def _meet(samples: Samples, state: Session, hold: Hold) -> bool:
    """Whether some samples share their metric and minute with an over-emitted sample."""
    if not state.over_emitted:
        return False
    places = {(one.series.metric, one.minute) for one in _over_emitted(state, hold)}
    return any(
        (split(kind)[0], minute) in places
        for (_, minute), part in samples.parts.items()
        for kind in part
    )


def emit_session_samples(resident: ResidentSession, windows: MetricWindows) -> None:
    """Add the per-session samples of a closed session, as of its first close."""
    closed = resident.state.closed
    if closed is None:
        return
    if resident.summary is None:
        analysis = resident.analysis_of(closed.count, closing=True, contiguous=closed.contiguous)
        resident.summary = summary_of(analysis)
    windows.add_samples(resident.summary, _ALL, owner_of(resident.state.key))
    windows.note_slowest(resident.summary, _ALL, resident.state.key)


def _mark(state: Session, hold: Hold) -> EmitCursor:
    return state.direct if hold is Hold.DIRECT else state.turn


def _closing(state: Session, hold: Hold) -> bool:
    """Whether the close affects these samples; it never affects direct ones."""
    return hold is Hold.TURN and state.closed is not None


def _samples(
    rows: list[LoggedEvent], base: int, hold: Hold, *, closing: bool, contiguous: bool
) -> Samples:
    if hold is Hold.DIRECT:
        return direct_samples(rows, base)
    return turn_samples(rows, base, closing=closing, contiguous=contiguous)


def _without(one: Counted, other: Counted) -> Iterator[tuple[SeriesMinute, Counter[int]]]:
    """Yield the counts that ``one`` has and ``other`` lacks, where there are any."""
    for place, counts in one.items():
        if place not in other:
            yield place, counts
        # most are equal, and a Counter is slow to compare
        elif not dict.__eq__(counts, other[place]) and (rest := counts - other[place]):
            yield place, rest
