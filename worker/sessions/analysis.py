"""Reading a session: from the set of its events to samples, turn rows and facts.

A reading is a function of the set of events alone: delivery order, duplication and shards
leave no trace in it. Metrics and the session record are both made from it, so that what
CloudWatch shows and what a record says can't disagree.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Final, NamedTuple

from worker.sessions.context import Context
from worker.sessions.conversation_walk import SpokenWalk
from worker.sessions.event_log import Ordered, Row, in_order
from worker.sessions.event_walk import DirectWalk, count_of
from worker.sessions.samples import Samples
from worker.sessions.turn_rows import TurnRow
from worker.sessions.turn_rules import TurnWalk


class Numbers(NamedTuple):
    """A session's sequence numbers. ``missing``: those absent between the first and the last, at
    least so many events are lost.
    """

    first: int
    last: int
    missing: int


class Reading:
    """What a session's events say, up to the last of them. Times in epoch ms.

    Each of the two walks is gone when it is first asked for: some ask for one of them only.
    """

    __slots__ = (
        *("_base", "_closing", "_direct", "_numbers", "_spoken"),
        *("first", "last", "ordered"),
    )

    def __init__(self, rows: list[Row], base: int, *, closing: bool) -> None:
        self._base = base
        self._closing = closing
        self._direct: DirectWalk | None = None
        self._spoken: SpokenWalk | None = None
        self._numbers: Numbers | None = None
        self.ordered: Ordered = in_order(rows)
        self.first = base + self.ordered.rows[0].timestamp
        self.last = base + self.ordered.rows[-1].timestamp

    @property
    def direct(self) -> DirectWalk:
        """What each event says by itself."""
        if self._direct is None:
            self._direct = _direct(self.ordered.rows, self._base)
        return self._direct

    @property
    def spoken(self) -> SpokenWalk:
        """What events say together."""
        if self._spoken is None:
            self._spoken = _spoken(self.ordered.rows, self._base, closing=self._closing)
        return self._spoken

    @property
    def numbers(self) -> Numbers:
        """The events' sequence numbers."""
        if self._numbers is None:
            numbers = [row.sequence_number for row in self.ordered.rows]
            numbers.sort()  # mostly so already
            first, last = numbers[0], numbers[-1]
            self._numbers = Numbers(first, last, last - first + 1 - len(set(numbers)))
        return self._numbers

    @property
    def turns(self) -> TurnWalk:
        """The turn rules' state after the last event."""
        return self.spoken.turns

    @property
    def context(self) -> Context:
        """The context at the end."""
        return self.direct.context.current

    @property
    def rows(self) -> list[TurnRow]:
        """The turn rows by time."""
        return sorted(self.spoken.rows.rows, key=_AT)

    @property
    def rows_omitted(self) -> int:
        """How many turn rows there would be beyond those kept."""
        return self.spoken.rows.omitted

    @property
    def duration_s(self) -> int | None:
        """The session's duration in s as its wrap-up gives it."""
        wrap_up = self.direct.wrap_up
        return None if wrap_up is None else count_of(wrap_up.seconds)

    @property
    def longest_silence(self) -> int:
        """The longest stretch in which neither side speaks, in ms."""
        return self.turns.end_of_silence(self.last)


_AT: Final = attrgetter("at")


def read(rows: list[Row], base: int, *, closing: bool) -> Reading:
    """Read a session from its rows in any order; ``base`` in epoch ms, at least one row.

    With ``closing``, also what their end decides.
    """
    return Reading(rows, base, closing=closing)


def direct_samples(rows: list[Row], base: int) -> Samples:
    """The samples that one event alone decides; as ``read`` has them."""
    return _direct(in_order(rows).rows, base).samples


def turn_samples(rows: list[Row], base: int, *, closing: bool) -> Samples:
    """The samples that neighbouring events decide; as ``read`` has them."""
    return _spoken(in_order(rows).rows, base, closing=closing).samples


def _direct(ordered: list[Row], base: int) -> DirectWalk:
    walk = DirectWalk(Samples())
    walk.begin(base + ordered[0].timestamp)
    walk.walk(ordered, base)
    return walk


def _spoken(ordered: list[Row], base: int, *, closing: bool) -> SpokenWalk:
    walk = SpokenWalk(Samples(), base + ordered[0].timestamp)
    walk.walk(ordered, base)
    if closing:
        walk.close(base + ordered[-1].timestamp)
    return walk
