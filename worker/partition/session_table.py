"""The sessions in memory, which come and go, and what has become of them since the last commit."""

from __future__ import annotations

from collections.abc import Iterable
from sys import intern
from typing import Final

from worker.events.event import SessionKey
from worker.partition.delta import SessionChange
from worker.partition.dirty_sessions import Changes
from worker.sessions.resident import Held
from worker.sessions.state import Session


class AtHand:
    """Sessions by key, each with a number that no other has had; ``numbered``: how many had one.

    ``most`` are taken in; None: as many as come.
    """

    def __init__(self, restored: Iterable[SessionChange], numbered: int, most: int | None) -> None:
        self.changes: Final = Changes()
        grown = self.changes.grown
        sessions = (Held(one.state, one.log, one.number, grown) for one in restored)
        self.by_key: Final = {held.state.key: held for held in sessions}
        self.numbered = numbered
        self.spread = 0
        """How many of them have had events of more than one shard."""
        self._most = most

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another session."""
        return self._most is not None and len(self.by_key) >= self._most

    def keys(self) -> list[SessionKey]:
        """Their keys, by their oldest event."""
        return sorted(self.by_key, key=lambda key: (self.by_key[key].state.oldest, key))

    def hold(self, state: Session, log: bytes = b"") -> Held:
        """Take a session in."""
        self.numbered += 1
        held = self.by_key[state.key] = Held(state, log, self.numbered, self.changes.grown)
        self.changes.begins(held)
        return held

    def let_go(self, held: Held) -> None:
        """It is in memory no longer; it may be gone already."""
        self._drop(held)
        self.changes.goes(held)

    def take_back(self, held: Held) -> None:
        """It wasn't there at the last commit, and is as if it had never come."""
        self._drop(held)
        self.changes.never_began(held)

    def _drop(self, held: Held) -> None:
        if self.by_key.pop(held.state.key, None) is not None:
            self.spread -= held.shard is None

    def came_from(self, held: Held, shard: str) -> None:
        """An event of it came from that shard, which isn't the only one known to bring some."""
        if held.shard == "":
            held.shard = intern(shard)
        else:
            held.shard = None
            self.spread += 1
