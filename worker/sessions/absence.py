"""When nobody waits for the agent: on hold, or with a human. Pure."""

from __future__ import annotations

from worker.sessions.event_log import LoggedEvent
from worker.sessions.sequence_numbers import Holes
from worker.sessions.silence import Silence


class Absence:
    """``held_ms``: on hold only, and not with a human at that. ``handoff_ms``: with a human. Both
    up to the last change, or to the session's end once it has ended.
    """

    __slots__ = ("_handed", "_held", "_since", "handoff_ms", "held_ms")

    def __init__(self) -> None:
        self.held_ms = 0
        self.handoff_ms = 0
        self._held = False
        self._handed = False
        self._since = 0
        """When either changed last, in ms since the session's base."""

    @property
    def away(self) -> bool:
        """Whether nobody waits."""
        return self._held or self._handed

    def hold(self, now: LoggedEvent, *, resident: bool) -> None:
        """The session is put on hold, or is taken back."""
        self.pass_to(now)
        self._held = resident

    def hand(self, now: LoggedEvent, *, handed: bool) -> None:
        """A human takes the session over, or gives it back."""
        self.pass_to(now)
        self._handed = handed

    def pass_to(self, now: LoggedEvent) -> None:
        """Time goes on to an event."""
        passed, self._since = now.timestamp - self._since, now.timestamp
        if self._handed:
            self.handoff_ms += passed
        elif self._held:
            self.held_ms += passed


class PausedSilence(Silence):
    """Silence that is none while it is paused."""

    __slots__ = ("_paused",)

    def __init__(self) -> None:
        super().__init__()
        self._paused = False

    def begin(self, now: LoggedEvent) -> None:
        """Neither side speaks from this event on."""
        if not self._paused:
            super().begin(now)

    def pause(self, now: LoggedEvent, holes: Holes | None) -> None:
        """What is silence up to this event, is none from it on."""
        self.end(now, holes)
        self._paused = True

    def go_on(self, now: LoggedEvent, *, silent: bool) -> None:
        """It counts again; ``silent``: whether neither side speaks."""
        self._paused = False
        if silent:
            self.begin(now)
