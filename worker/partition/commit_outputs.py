"""What a partition gives out with a commit, before anything is encoded for its destination."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from worker.events.event import SessionKey
from worker.metrics.catalogue import Hold
from worker.metrics.distribution import Distribution
from worker.metrics.series import Series
from worker.metrics.totals import Totals
from worker.partition.dead_letters import OccurrenceLetter, SessionLetter
from worker.sessions.state import Session

SeriesMinute = tuple[Series, int]
"""A series and a minute (epoch ms)."""

Window = dict[SeriesMinute, Distribution]
"""Samples to publish."""

ReleaseReason = Literal["complete", "quiet", "given_up", "closed", "late"]
"""Why a session's minute left: nothing of it was missing; nothing had come for a while; its missing
events or quiet were not waited for any longer; the session had closed; or a late event had added
to a minute that had left already.
"""

Waits = Counter[tuple[Hold, ReleaseReason, int]]
"""How often a session's minute left so many ms after its end, by hold and reason."""


class RecordLine(NamedTuple):
    """A session record: its key, revision and JSON without a line end. ``continued``: the revision
    of the same key after which the session was forgotten, and began anew; 0 if it wasn't.
    """

    key: SessionKey
    revision: int
    line: bytes
    continued: int = 0


class EvictedSession(NamedTuple):
    """A closed session that has told all it had to tell: its state and whole log."""

    state: Session
    log: bytes


@dataclass(slots=True)
class Outputs:
    """All that was produced since the last commit. ``evicted`` replaces what a store has under
    the same key; a late event may ask for any of it back. ``totals``: of all series after the
    samples in ``window``, None if they aren't kept or nothing was ever given out.
    """

    window: Window = field(default_factory=dict)
    records: list[RecordLine] = field(default_factory=list)
    dead_letters: list[OccurrenceLetter] = field(default_factory=list)
    quarantined: list[SessionLetter] = field(default_factory=list)
    test_ids: list[str] = field(default_factory=list)
    evicted: dict[SessionKey, EvictedSession] = field(default_factory=dict)
    waits: Waits = field(default_factory=Counter)
    totals: Totals | None = None
