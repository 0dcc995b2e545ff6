"""Runs of a session's sequence numbers without a gap between them. Pure.

Each number follows the one before it, so a number that is absent between two others is an event
that is lost or still in flight. Up to the first such number a session is complete: whatever arrives
later comes after it. That holds only while order by number and order by time agree, and no number
stands for two events; otherwise, or if there are too many runs, the numbers are ignored.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence, Set
from itertools import pairwise
from operator import attrgetter
from typing import Final, NamedTuple

from worker.events.event import EVENT_CODES
from worker.sessions.event_log import LoggedEvent, identity
from worker.times.minutes import BEFORE_ALL

MOST_RUNS: Final = 256
"""The most runs kept of one session; beyond them its numbers are ignored."""


class Run(NamedTuple):
    """Consecutive numbers. ``earliest`` and ``latest``: times in ms since the session's base."""

    first: int
    last: int
    earliest: int
    latest: int


class Frontier(NamedTuple):
    """``latest``: the time, in ms since the session's base, of the latest event below the first
    missing number that is still awaited. ``hole``: whether there is such a number.
    """

    latest: int
    hole: bool


class NumberRuns:
    """The runs of the events added so far. The same events in the same order make the same runs, in
    whatever portions they are added.
    """

    __slots__ = ("_configured", "_runs", "_wrap_up", "repeated", "unordered")

    def __init__(self) -> None:
        self._runs = array("q")  # four numbers per run, in a quarter of the memory of objects
        self._configured = False
        self._wrap_up: int | None = None
        self.unordered = False
        """Whether this session's numbers are ignored, for good."""
        self.repeated = _NONE
        """Numbers that have occurred more than once; see ``resolve``."""

    @property
    def runs(self) -> list[Run]:
        """The runs in ascending order; empty if the session is ``unordered``."""
        return [Run(*self._runs[at : at + _SIZE]) for at in range(0, len(self._runs), _SIZE)]

    @property
    def begun(self) -> bool:
        """Whether the session's beginning has arrived: its configurations, or a number of 0 or
        1.
        """
        return self._configured or (bool(self._runs) and self._runs[0] <= 1)

    @property
    def complete(self) -> bool:
        """Whether the wrap-up has arrived, and no number from the beginning up to it is missing."""
        runs, wrap_up = self._runs, self._wrap_up
        return self.begun and wrap_up is not None and bool(runs) and runs[1] >= wrap_up

    def frontier(self, given_up: int, *, begun: bool) -> Frontier:
        """Return how far the session is complete. Missing numbers that precede an event before
        ``given_up`` (ms since the session's base) are not awaited, nor is the session's beginning
        if it has ``begun``.
        """
        latest, waits = BEFORE_ALL, not begun
        for earliest, run_latest in zip(self._runs[2::_SIZE], self._runs[3::_SIZE], strict=True):
            if waits and earliest >= given_up:
                return Frontier(latest, hole=True)
            latest, waits = run_latest, True
        return Frontier(latest, hole=False)

    def resolve(self, rows: Iterable[LoggedEvent]) -> None:
        """Find out from all events whether those that share a number are one event, which a log has
        more than once for another payload or an earlier arrival.
        """
        events = {identity(row) for row in rows if row.sequence_number in self.repeated}
        if len(events) > len(self.repeated):
            self._give_up()
        self.repeated = _NONE

    def take_in(self, rows: Sequence[LoggedEvent]) -> None:
        """Add events in the order of their arrival."""
        self._note_names(rows)
        start = 0
        while start < len(rows):
            # few enough at once that they can't make too many runs in any order
            end = start + max(1, MOST_RUNS - len(self._runs) // _SIZE)
            self._take(rows[start:end])
            start = end

    def _note_names(self, rows: Sequence[LoggedEvent]) -> None:
        names = [row.name for row in rows]
        if not self._configured:
            self._configured = _CONFIGURATIONS in names
        if _WRAP_UP in names:
            last = max(row.sequence_number for row in rows if row.name == _WRAP_UP)
            self._wrap_up = last if self._wrap_up is None else max(last, self._wrap_up)

    def _take(self, rows: Sequence[LoggedEvent]) -> None:
        ordered = sorted(rows, key=_NUMBER)
        numbers = [row.sequence_number for row in ordered]
        times = [row.timestamp for row in ordered]
        if self.unordered or times != sorted(times):
            self._give_up()
            return
        start = 0
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            for index, (one, other) in enumerate(pairwise(numbers), 1):
                if other != one + 1:
                    self._join(numbers[start:index], times[start:index])
                    start = index
        self._join(numbers[start:], times[start:])

    def _join(self, numbers: list[int], times: list[int]) -> None:
        """Add consecutive numbers, with their times in ascending order."""
        if self.unordered:
            return
        runs, first, last, earliest, latest = (
            self._runs,
            numbers[0],
            numbers[-1],
            times[0],
            times[-1],
        )
        start = end = at = _SIZE * bisect_right(runs[::_SIZE], first)
        after = at < len(runs)
        if (at and runs[at - 3] >= first) or (after and runs[at] <= last):
            self._join_each(numbers, times)
            return
        if (at and runs[at - 1] > earliest) or (after and runs[at + 2] < latest):
            self._give_up()
            return
        if at and runs[at - 3] + 1 == first:
            start = at - _SIZE
            first, earliest = runs[start], runs[start + 2]
        if after and last + 1 == runs[at]:
            end = at + _SIZE
            last, latest = runs[at + 1], runs[at + 3]
        runs[start:end] = array("q", (first, last, earliest, latest))
        if len(runs) > _SIZE * MOST_RUNS:
            self._give_up()

    def _join_each(self, numbers: list[int], times: list[int]) -> None:
        """Add numbers of which some are known."""
        if len(numbers) == 1:
            self.repeated |= {numbers[0]}
            return
        for number, time in zip(numbers, times, strict=True):
            self._join([number], [time])

    def _give_up(self) -> None:
        self.unordered = True
        self._runs = array("q")


_NONE: Final[Set[int]] = frozenset()
_SIZE: Final = 4
_NUMBER: Final = attrgetter("sequence_number")
_CONFIGURATIONS: Final = EVENT_CODES["configurations"]
_WRAP_UP: Final = EVENT_CODES["call_wrap_up"]
