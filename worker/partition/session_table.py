"""The table of resident sessions, and their changes since the last commit."""

from __future__ import annotations

from collections.abc import Iterable
from sys import intern
from typing import Final

from worker.events.event import SessionKey
from worker.partition.delta import SessionChange
from worker.partition.dirty_sessions import DirtySessions
from worker.sessions.resident_session import ResidentSession
from worker.sessions.state import Session


class SessionTable:
    """Resident sessions by key, each with a number that is never reused; ``numbered``: how many
    numbers were assigned.

    At most ``most`` sessions are resident; None: no limit.
    """

    def __init__(self, restored: Iterable[SessionChange], numbered: int, most: int | None) -> None:
        self.changes: Final = DirtySessions()
        appended = self.changes.appended
        sessions = (ResidentSession(one.state, one.log, one.number, appended) for one in restored)
        self.by_key: Final = {resident.state.key: resident for resident in sessions}
        self.numbered = numbered
        self.cross_shard = 0
        """How many resident sessions have had events from more than one shard."""
        self._most = most

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another session."""
        return self._most is not None and len(self.by_key) >= self._most

    def keys(self) -> list[SessionKey]:
        """Return the sessions' keys, by their oldest event."""
        return sorted(self.by_key, key=lambda key: (self.by_key[key].state.oldest, key))

    def admit(self, state: Session, log: bytes = b"") -> ResidentSession:
        """Add a session to the table."""
        self.numbered += 1
        resident = self.by_key[state.key] = ResidentSession(
            state, log, self.numbered, self.changes.appended
        )
        self.changes.mark_added(resident)
        return resident

    def evict(self, resident: ResidentSession) -> None:
        """Remove a session from memory; it may have been removed already."""
        self._drop(resident)
        self.changes.mark_removed(resident)

    def discard(self, resident: ResidentSession) -> None:
        """Remove a session that was added since the last commit, as if it had never been there."""
        self._drop(resident)
        self.changes.forget_added(resident)

    def _drop(self, resident: ResidentSession) -> None:
        if self.by_key.pop(resident.state.key, None) is not None:
            self.cross_shard -= resident.shard is None

    def saw_shard(self, resident: ResidentSession, shard: str) -> None:
        """Note an event from a shard that isn't the session's only one so far."""
        if resident.shard == "":
            resident.shard = intern(shard)
        else:
            resident.shard = None
            self.cross_shard += 1
