"""The analysis of a session: turns the set of its events into samples, turn rows and facts.

An analysis is a function of the set of events alone: delivery order, duplication and shards leave
no trace in it. Metrics and the session record are both made from it, so that CloudWatch and a
record can't disagree.
"""

from __future__ import annotations

from functools import cached_property
from operator import attrgetter
from typing import Final

from worker.sessions.context import Context
from worker.sessions.conversation_walk import ConversationWalk, conversation_walk
from worker.sessions.event_log import LoggedEvent, in_order
from worker.sessions.event_walk import EventWalk, count_of
from worker.sessions.samples import Samples
from worker.sessions.sequence_numbers import Holes, NumberSpan, holes_of, numbers_of
from worker.sessions.timeline import Pairs, Timeline, timeline_of
from worker.sessions.turn_rows import TurnRow
from worker.sessions.turn_rules import TurnWalk


class SessionAnalysis:
    """The facts that a session's events establish, up to the last of them. Times in epoch ms.

    Each of the two walks runs on first access: some callers need only one of them.
    """

    def __init__(
        self, rows: list[LoggedEvent], base: int, *, closing: bool, contiguous: bool
    ) -> None:
        self._base = base
        self._closing = closing
        self.contiguous = contiguous
        self.ordered = in_order(rows)
        self._pairs = Pairs(self.ordered.rows[0])
        self.first = base + self.ordered.rows[0].timestamp
        self.last = base + self.ordered.rows[-1].timestamp

    @cached_property
    def direct(self) -> EventWalk:
        """The walk of single events, run to the last event."""
        return _direct(self.ordered.rows, self._base)

    @cached_property
    def conversation(self) -> ConversationWalk:
        """The walk of the turn rules, run to the last event."""
        rows = self.ordered.rows
        walk = conversation_walk(Samples(), self._base, rows)
        walk.turns.pairs = self._pairs
        _walk_through(walk, rows, self.holes, closing=self._closing)
        return walk

    @property
    def timeline(self) -> Timeline:
        """The timeline: who spoke when, when the caller waited, and for what."""
        holes = self.conversation.turns.holes is not None
        return timeline_of(self._pairs, self.ordered, holes=holes)

    @property
    def holes(self) -> Holes | None:
        """The holes in the sequence numbers; None if none is missing, or if a missing one means
        nothing.
        """
        return holes_of(self.ordered) if self.contiguous else None

    @cached_property
    def numbers(self) -> NumberSpan:
        """The events' sequence numbers."""
        return numbers_of(self.ordered)

    @property
    def turns(self) -> TurnWalk:
        """The turn rules' state after the last event."""
        return self.conversation.turns

    @property
    def context(self) -> Context:
        """The context at the session's end."""
        return self.direct.context.current

    @property
    def rows(self) -> list[TurnRow]:
        """The turn rows by time."""
        return sorted(self.conversation.rows.rows, key=_AT)

    @property
    def rows_omitted(self) -> int:
        """The number of turn rows beyond those kept."""
        return self.conversation.rows.omitted

    @property
    def duration_s(self) -> int | None:
        """The session's duration in s as its wrap-up reports it; None if it doesn't."""
        wrap_up = self.direct.wrap_up
        return None if wrap_up is None else count_of(wrap_up.seconds)

    @property
    def longest_silence(self) -> int:
        """The longest time in ms in which neither side speaks."""
        turns = self.turns
        return turns.silence.longest_up_to(self.ordered.rows[-1], turns.holes)


_AT: Final = attrgetter("at")


def analyse(
    rows: list[LoggedEvent], base: int, *, closing: bool, contiguous: bool
) -> SessionAnalysis:
    """Analyse a session from its rows in any order; ``base`` in epoch ms, at least one row.

    ``closing``: include the samples that the session's end decides. ``contiguous``: whether the
    stream's sequence numbers are, so that a missing one is a hole.
    """
    return SessionAnalysis(rows, base, closing=closing, contiguous=contiguous)


def direct_samples(rows: list[LoggedEvent], base: int) -> Samples:
    """Return the samples that a single event decides, the same as those of ``analyse``."""
    return _direct(in_order(rows).rows, base).samples


def turn_samples(rows: list[LoggedEvent], base: int, *, closing: bool, contiguous: bool) -> Samples:
    """Return the samples that neighbouring events decide, the same as those of ``analyse``."""
    ordered = in_order(rows)
    holes = holes_of(ordered) if contiguous else None
    walk = conversation_walk(Samples(), base, ordered.rows)
    _walk_through(walk, ordered.rows, holes, closing=closing)
    return walk.samples


def _direct(ordered: list[LoggedEvent], base: int) -> EventWalk:
    walk = EventWalk(Samples())
    walk.begin(base + ordered[0].timestamp)
    walk.walk(ordered, base)
    return walk


def _walk_through(
    walk: ConversationWalk, ordered: list[LoggedEvent], holes: Holes | None, *, closing: bool
) -> None:
    walk.walk(ordered, holes)
    if closing:
        walk.close()
