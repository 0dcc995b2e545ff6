"""What a session has to tell since it last told: its new samples, each exactly once.

A late event changes what a session's events say. The session is read anew, and what the new
set of events has and the told one lacks goes out. What was told and is no longer true can't
be taken back from CloudWatch: it is counted, and remembered, so that it isn't told twice
should it become true again.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from worker.metrics.catalogue import CATALOGUE, Hold
from worker.metrics.series import SeriesBook, Told
from worker.partition.rules import minute_of
from worker.sessions.reading import Reading, Sample
from worker.sessions.record import agent_share, missing
from worker.sessions.session import Held, Mark, Session

_HOLDS: Final = {name: metric.hold for name, metric in CATALOGUE.items()}
_END_OF_TIME: Final = 1 << 62
_END_STATUSES: Final = ("unknown", "failure", "ended", "hung_up")


class Telling(NamedTuple):
    """New samples as a multiset, and how many told ones turned out untrue."""

    samples: Counter[Told]
    retracted: int


def has_to_tell(state: Session, hold: Hold, before: int) -> bool:
    """Whether ``tell`` might find something; cheap, for it is asked of every session often."""
    mark = _mark(state, hold)
    before = max(before, mark.before)
    if mark.oldest_new is not None and mark.oldest_new < before:
        return True
    if mark.closing != _closing(state, hold):
        return True
    return mark.before < before and mark.before <= state.newest and state.oldest < before


def tell(held: Held, hold: Hold, before: int, book: SeriesBook) -> Telling:
    """What ``held`` has to tell of the minutes before ``before`` (epoch ms), marked as told.

    ``hold`` is DIRECT or TURN. What was once told up to some minute stays told up to there.
    """
    state = held.state
    mark = _mark(state, hold)
    before = max(before, mark.before)
    account = state.key.account_sid
    others = [(one, n) for one, n in state.surplus if _HOLDS[one.series.metric] is not hold]
    surplus = Counter({one: n for one, n in state.surplus if _HOLDS[one.series.metric] is hold})
    now = _told(held.reading().samples, hold, before, book, account)
    told = Counter(surplus)
    if mark.count:
        earlier = held.reading_of(mark.count, closing=mark.closing)
        told.update(_told(earlier.samples, hold, mark.before, book, account))
    untrue = told - now
    state.surplus = others + list(untrue.items())
    mark.count, mark.before, mark.oldest_new = state.count, before, None
    mark.closing = _closing(state, hold)
    return Telling(now - told, (untrue - surplus).total())


def summary(held: Held, book: SeriesBook) -> Counter[Told]:
    """The per-session samples of a closed session, as its events were at its first close."""
    closed = held.state.closed
    if closed is None:
        return Counter()
    reading = held.reading_of(closed.count, closing=True)
    samples = [
        Sample(metric, reading.last, value, own, reading.context)
        for metric, own, value in _session_values(reading)
    ]
    return _told(samples, Hold.SESSION, _END_OF_TIME, book, held.state.key.account_sid)


def _mark(state: Session, hold: Hold) -> Mark:
    return state.direct if hold is Hold.DIRECT else state.turn


def _closing(state: Session, hold: Hold) -> bool:
    """Whether the close has a say in these samples; it has none in direct ones."""
    return hold is Hold.TURN and state.closed is not None


def _session_values(reading: Reading) -> list[tuple[str, str | None, int]]:
    wrap_up, share = reading.wrap_up, agent_share(reading)
    values: list[tuple[str, str | None, int]] = [
        ("SessionsEnded", _end_status(wrap_up), 1),
        ("TokensPerSession", None, reading.tokens),
        ("InterruptionsPerSession", None, _count(reading, "Interruptions")),
        ("TurnsPerSession", None, _count(reading, "Turns")),
        ("LongestSilence", None, reading.longest_silence),
        ("MissingEvents", None, missing(reading.ordered)),
    ]
    if reading.duration_s is not None:
        values.append(("SessionDuration", None, reading.duration_s))
    if share is not None:
        values.append(("AgentTalkShare", None, share))
    return values


def _end_status(wrap_up: dict[str, object] | None) -> str:
    if wrap_up is None:
        return "none"
    status = wrap_up.get("end_status")
    if status is None:
        return "unknown"
    return str(status) if status in _END_STATUSES else "other"


def _count(reading: Reading, metric: str) -> int:
    return sum(sample.metric == metric for sample in reading.samples)


def _told(
    samples: list[Sample], hold: Hold, before: int, book: SeriesBook, account: str
) -> Counter[Told]:
    """The samples of minutes before ``before``, each as told to all of its series."""
    return Counter(
        Told(series, minute, sample.value)
        for sample in samples
        if _HOLDS[sample.metric] is hold and (minute := minute_of(sample.time)) < before
        for series in book.of(sample.metric, sample.own, sample.context, account)
    )
