"""The outputs of a commit, before they are encoded for a destination."""

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
"""The samples to publish, by series and minute."""

ReleaseReason = Literal["complete", "quiet", "given_up", "closed", "late"]
"""Why a session's minute was released: nothing of it was missing; no event had arrived for a while;
the wait for missing events or for quiet had reached its limit; the session had closed; or a late
event added to a minute that had been released before.
"""

Waits = Counter[tuple[Hold, ReleaseReason, int]]
"""The number of times that a session's minute was released a given number of ms after its end, by
hold and reason.
"""


class RecordLine(NamedTuple):
    """A session record: its key, revision and JSON without a line end. ``continued`` is the last
    revision under the same key before the session was forgotten and began again; 0 if it never was.
    """

    key: SessionKey
    revision: int
    line: bytes
    continued: int = 0


class SlowestSample(NamedTuple):
    """The greatest sample of a series' minute, in integer samples, and the session it is from."""

    value: int
    key: SessionKey


class EvictedSession(NamedTuple):
    """A closed session that has emitted all its samples: its state and whole log."""

    state: Session
    log: bytes


@dataclass(slots=True)
class Outputs:
    """The outputs since the last commit. ``evicted`` replaces what a store has under the same key;
    a late event may make the partition load any of these sessions again. ``totals``: those of all
    series after the samples in ``window``; None if they aren't kept or there were no samples yet.
    ``slowest``: of each histogram's minute the slowest sample, if exemplars are wanted.
    """

    window: Window = field(default_factory=dict)
    records: list[RecordLine] = field(default_factory=list)
    dead_letters: list[OccurrenceLetter] = field(default_factory=list)
    quarantined: list[SessionLetter] = field(default_factory=list)
    test_ids: list[str] = field(default_factory=list)
    evicted: dict[SessionKey, EvictedSession] = field(default_factory=dict)
    waits: Waits = field(default_factory=Counter)
    totals: Totals | None = None
    slowest: dict[SeriesMinute, SlowestSample] = field(default_factory=dict)
