"""What a partition gives out with a commit, before anything is encoded for its destination."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from worker.events.decode import Place
from worker.events.event import SessionKey
from worker.metrics.distribution import Distribution
from worker.metrics.series import Series
from worker.sessions.state import Session

SeriesMinute = tuple[Series, int]
"""A series and a minute (epoch ms)."""

Window = dict[SeriesMinute, Distribution]
"""Samples to publish."""


EXPIRED: Final = "expired: older than any session still held"
"""The reason of a dead letter whose event can be read, and will never be counted any more."""


CROWDED: Final = "too many sessions in memory"
"""The reason of a dead letter whose event came when there was no room for its session."""


class DeadLetter(NamedTuple):
    """An occurrence that can't be counted: why, from where, and its bytes."""

    reason: str
    place: Place
    data: bytes


class SetAside(NamedTuple):
    """A session whose events the worker failed at: why, its key, when the latest of them arrived
    (epoch ms), and its log.
    """

    reason: str
    key: SessionKey
    arrival: int
    log: bytes


class RecordLine(NamedTuple):
    """A session record: its key, revision and JSON without a line end."""

    key: SessionKey
    revision: int
    line: bytes


class Packed(NamedTuple):
    """A closed session that has told all it had to tell: its state and whole log."""

    state: Session
    log: bytes


@dataclass(slots=True)
class Outputs:
    """All that was produced since the last commit. ``packed`` replaces what a store has under
    the same key; a late event may ask for any of it back.
    """

    window: Window = field(default_factory=dict)
    records: list[RecordLine] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    test_ids: list[str] = field(default_factory=list)
    packed: dict[SessionKey, Packed] = field(default_factory=dict)
