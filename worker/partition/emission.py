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
from worker.metrics.series import EmittedSample
from worker.partition.commit_outputs import ReleaseReason, SeriesMinute
from worker.partition.holds import Due
from worker.partition.metric_windows import Counted, MetricWindows, MinuteSpan
from worker.partition.series_registry import SeriesBook
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
    """Whether ``emit`` might find something; cheap, for it is asked of every session often."""
    mark = _mark(state, hold)
    before = max(due.before, mark.before)
    if mark.oldest_new is not None and mark.oldest_new < before:
        return True
    if mark.closing != _closing(state, hold) or _is_read_anew(mark, hold, due):
        return True
    if hold is Hold.DIRECT and state.contextual < min(mark.before, due.contextual):
        return True
    return mark.before < before and mark.before <= state.newest and state.oldest < before


def has_emitted_all(state: Session) -> bool:
    """Whether nothing is left to tell of a closed session unless an event arrives."""
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
    if not _is_read_anew(mark, hold, due):
        incremental = _incremental(resident, hold, due, emitted, span, windows.book)
    retracted = 0
    if incremental is not None and not _meet(incremental, _over_emitted(state, hold)):
        windows.add_samples(incremental, span, state.key.account_sid)
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
    """The minutes that were told."""
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
    """Note how long each of these minutes, if it leaves, has waited."""
    if due.instant is None:
        return
    for minute in minutes:
        if minute < span.before:
            reason: ReleaseReason = "complete" if minute < due.complete else due.reason
            if minute < emitted.contextual:
                reason = "late"
            windows.waited(hold, reason, due.instant - minute - MINUTE)


def _is_read_anew(mark: EmitCursor, hold: Hold, due: Due) -> bool:
    """Whether what was told took sequence numbers for what they are no more taken for."""
    return hold is Hold.TURN and mark.count > 0 and mark.contiguous != due.contiguous


def _incremental(
    resident: ResidentSession,
    hold: Hold,
    due: Due,
    emitted: MinuteSpan,
    span: MinuteSpan,
    book: SeriesBook,
) -> Samples | None:
    """The samples to tell, if they can be had without those that were told."""
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
    # a session whose beginning hasn't come, which lasts no longer than ``hold_hole``
    return _beyond(resident.analysis(contiguous=due.contiguous).direct.samples, emitted, book)


def _beyond(samples: Samples, emitted: MinuteSpan, book: SeriesBook) -> Samples:
    """The samples of other minutes than these."""
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
    """Tell what is so now and was not told; keep what was told and isn't so as surplus. Gives the
    minutes of the one, and how much the other has grown by.

    ``incremental``: what is new, if all else that was told still stands.
    """
    state = resident.state
    mark, account = _mark(state, hold), state.key.account_sid
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
            told_rows = rows[: mark.count]
            before_now = _samples(
                told_rows, state.base, hold, closing=mark.closing, contiguous=mark.contiguous
            )
            once.add_samples(before_now, _emitted_span(state, hold), account)
    now.add_samples(incremental, span, account)
    emitted, true = once.count(), now.count()
    minutes = set()
    for place, new in _without(true, emitted):
        windows.add(place, new)
        minutes.add(place[1])
    untrue = Counter(
        {
            EmittedSample(*place, value): count
            for place, old in _without(emitted, true)
            for value, count in old.items()
        }
    )
    others = [one for one in state.over_emitted if _HOLDS[one[0].series.metric] is not hold]
    state.over_emitted = others + list(untrue.items())
    return minutes, (untrue - over_emitted).total()


def _over_emitted(state: Session, hold: Hold) -> Counter[EmittedSample]:
    return Counter({one: n for one, n in state.over_emitted if _HOLDS[one.series.metric] is hold})


def _meet(samples: Samples, over_emitted: Counter[EmittedSample]) -> bool:
    """Whether there are samples of a minute of a metric that has a surplus there."""
    if not over_emitted:
        return False
    places = {(one.series.metric, one.minute) for one in over_emitted}
    return any(
        (split(kind)[0], minute) in places
        for (_, minute), part in samples.parts.items()
        for kind in part
    )


def emit_session_samples(resident: ResidentSession, windows: MetricWindows) -> None:
    """Add the per-session samples of a closed session, as it was at its first close."""
    closed = resident.state.closed
    if closed is None:
        return
    if resident.summary is None:
        analysis = resident.analysis_of(closed.count, closing=True, contiguous=closed.contiguous)
        resident.summary = summary_of(analysis)
    windows.add_samples(resident.summary, _ALL, resident.state.key.account_sid)


def _mark(state: Session, hold: Hold) -> EmitCursor:
    return state.direct if hold is Hold.DIRECT else state.turn


def _closing(state: Session, hold: Hold) -> bool:
    """Whether the close has a say in these samples; it has none in direct ones."""
    return hold is Hold.TURN and state.closed is not None


def _samples(
    rows: list[LoggedEvent], base: int, hold: Hold, *, closing: bool, contiguous: bool
) -> Samples:
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
