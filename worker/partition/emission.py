"""What a session has to tell since it last told: its new samples, each exactly once.

A late event changes what a session's events say. The session is read anew, and what the new
set of events has and the told one lacks goes out. What was told and is no longer true can't
be taken back from CloudWatch: it is counted, and remembered, so that it isn't told twice
should it become true again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from worker.metrics.catalogue import CATALOGUE, Hold
from worker.metrics.series import Told
from worker.partition.commit_outputs import SeriesMinute
from worker.partition.metric_windows import Counted, Gathered
from worker.sessions.analysis import direct_samples, turn_samples
from worker.sessions.event_log import Row
from worker.sessions.incremental import further_direct, further_turn, further_turn_of_closed
from worker.sessions.resident import Held
from worker.sessions.samples import Samples, split
from worker.sessions.state import Mark, Session
from worker.sessions.summary import summary_of
from worker.times.minutes import AFTER_ALL

_HOLDS: Final = {name: metric.hold for name, metric in CATALOGUE.items()}


def has_to_tell(state: Session, hold: Hold, before: int) -> bool:
    """Whether ``tell`` might find something; cheap, for it is asked of every session often."""
    mark = _mark(state, hold)
    before = max(before, mark.before)
    if mark.oldest_new is not None and mark.oldest_new < before:
        return True
    if mark.closing != _closing(state, hold):
        return True
    return mark.before < before and mark.before <= state.newest and state.oldest < before


def has_told_all(state: Session) -> bool:
    """Whether nothing is left to tell of a closed session unless an event arrives."""
    direct, turn = state.direct, state.turn
    if not (state.summarised and turn.closing and direct.count == turn.count == state.count):
        return False
    return min(direct.before, turn.before) > state.newest


def tell(held: Held, hold: Hold, before: int, gathered: Gathered) -> int:
    """Add what ``held`` has to tell of the minutes before ``before`` (epoch ms) to ``gathered``,
    and mark it as told. Gives how many told samples turned out untrue.

    ``hold`` is DIRECT or TURN. What was once told up to some minute stays told up to there.
    """
    state = held.state
    mark = _mark(state, hold)
    before = max(before, mark.before)
    further = _further(held, hold, before)
    retracted = 0
    if further is not None and not _meet(further, _surplus(state, hold)):
        gathered.spread(further, before, state.key.account_sid)
    else:
        retracted = _compare(held, hold, further, before, gathered)
    mark.count, mark.before, mark.oldest_new = state.count, before, None
    mark.closing = _closing(state, hold)
    if hold is Hold.DIRECT:
        held.resettled = False
    return retracted


def _further(held: Held, hold: Hold, before: int) -> Samples | None:
    """The samples to tell, if they can be had without those that were told."""
    if hold is Hold.TURN:
        return _further_turn(held, before)
    state, mark = held.state, held.state.direct
    if not mark.count and state.newest < before:
        return held.reading().direct.samples
    return None if held.resettled and mark.count else further_direct(held, before)


def _further_turn(held: Held, before: int) -> Samples | None:
    state = held.state
    mark = state.turn
    late = mark.oldest_new is not None and mark.oldest_new < mark.before
    if late or (mark.closing and mark.count != state.count):
        held.turn_walk = None
        return None
    if not mark.count and state.newest < before:
        return held.reading().spoken.samples
    if state.closed is None or (mark.closing and state.newest < mark.before):
        return further_turn(held, before)
    return further_turn_of_closed(held, before)


def _compare(
    held: Held, hold: Hold, further: Samples | None, before: int, gathered: Gathered
) -> int:
    """Tell what is so now and was not told; keep what was told and isn't so as surplus.

    ``further``: what is new, if all else that was told still stands.
    """
    state = held.state
    mark, account = _mark(state, hold), state.key.account_sid
    surplus = _surplus(state, hold)
    once, now = Gathered(gathered.book), Gathered(gathered.book)
    for (series, minute, value), count in surplus.items():
        once.add((series, minute), {value: count})
    if further is None:
        rows = held.rows()
        further = _samples(rows, state.base, hold, closing=state.closed is not None)
        if mark.count:
            before_now = _samples(rows[: mark.count], state.base, hold, closing=mark.closing)
            once.spread(before_now, mark.before, account)
    now.spread(further, before, account)
    told, true = once.count(), now.count()
    for place, new in _without(true, told):
        gathered.add(place, new)
    untrue = Counter(
        {
            Told(*place, value): count
            for place, old in _without(told, true)
            for value, count in old.items()
        }
    )
    others = [one for one in state.surplus if _HOLDS[one[0].series.metric] is not hold]
    state.surplus = others + list(untrue.items())
    return (untrue - surplus).total()


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
        held.summary = summary_of(held.reading_of(closed.count, closing=True))
    gathered.spread(held.summary, AFTER_ALL, held.state.key.account_sid)


def _mark(state: Session, hold: Hold) -> Mark:
    return state.direct if hold is Hold.DIRECT else state.turn


def _closing(state: Session, hold: Hold) -> bool:
    """Whether the close has a say in these samples; it has none in direct ones."""
    return hold is Hold.TURN and state.closed is not None


def _samples(rows: list[Row], base: int, hold: Hold, *, closing: bool) -> Samples:
    if hold is Hold.DIRECT:
        return direct_samples(rows, base)
    return turn_samples(rows, base, closing=closing)


def _without(one: Counted, other: Counted) -> Iterator[tuple[SeriesMinute, Counter[int]]]:
    """What ``one`` has and ``other`` lacks, where there is something."""
    for place, counts in one.items():
        if place not in other:
            yield place, counts
        # they are mostly equal, which a Counter is slow to find out
        elif not dict.__eq__(counts, other[place]) and (rest := counts - other[place]):
            yield place, rest
