"""What is known of a session whose events name their predecessors. Pure.

Order by number is that in which a platform told of things, not that in which they happened, so it
says nothing of which minutes are complete: these sessions are told by time. Whether a session is
complete as a whole it does say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from worker.events.event import EVENT_CODES
from worker.sessions.event_log import LinkedEvent, LoggedEvent
from worker.sessions.number_runs import NumberRuns


class NamedPredecessors(NumberRuns):
    """The numbers of the events taken in so far, and the predecessors that lack among them."""

    __slots__ = ("_has_begun", "_has_ended", "_lacking", "_numbers")

    def __init__(self) -> None:
        super().__init__()
        self.unordered = True
        self._numbers = set[int]()
        self._lacking = set[int | None]()
        """Predecessors named and not there; None: of an event that doesn't know its own."""
        self._has_begun = self._has_ended = False

    @property
    def begun(self) -> bool:
        """Whether the session's configurations have come."""
        return self._has_begun

    @property
    def complete(self) -> bool:
        """Whether no event is missing from the beginning to the wrap-up, which has come."""
        return self._has_begun and self._has_ended and not self._lacking

    def take_in(self, rows: Sequence[LoggedEvent]) -> None:
        """Take in events in the order of their arrival."""
        for row in rows:
            self._numbers.add(row.sequence_number)
            self._lacking.discard(row.sequence_number)
            if row.name == _CONFIGURATIONS:
                self._has_begun = True  # with it a session begins: nothing precedes it
                continue
            if row.name == _WRAP_UP:
                self._has_ended = True
            previous = row.previous if isinstance(row, LinkedEvent) else None
            if previous not in self._numbers:
                self._lacking.add(previous)


_CONFIGURATIONS: Final = EVENT_CODES["configurations"]
_WRAP_UP: Final = EVENT_CODES["call_wrap_up"]
