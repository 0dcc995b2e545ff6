"""The sessions in memory, and events of those that are not."""

from __future__ import annotations

from collections.abc import Iterable
from sys import intern
from typing import Final

from worker.events.decode import Delivery
from worker.events.event import SessionKey
from worker.partition.delta import SessionChange
from worker.sessions.held import Grown, Held
from worker.sessions.session import Session

Strangers = dict[SessionKey, list[Delivery]]
"""Events whose sessions aren't in memory, by session: the owner may have kept some of these."""


class AtHand:
    """Sessions by key, each with a number that no other has had; ``numbered``: how many had one.

    ``most`` are taken in; None: as many as come. ``grown``: where the events go that they take in.
    """

    def __init__(
        self, restored: Iterable[SessionChange], numbered: int, most: int | None, grown: Grown
    ) -> None:
        sessions = (Held(one.state, one.log, one.number, grown) for one in restored)
        self.by_key: Final = {held.state.key: held for held in sessions}
        self.numbered = numbered
        self.spread = 0
        """How many of them have had events of more than one shard."""
        self._most = most
        self._grown = grown

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another session."""
        return self._most is not None and len(self.by_key) >= self._most

    def keys(self) -> list[SessionKey]:
        """Their keys, in an order that doesn't depend on their arrival."""
        return sorted(self.by_key)

    def hold(self, state: Session, log: bytes = b"") -> Held:
        """Take a session in."""
        self.numbered += 1
        held = self.by_key[state.key] = Held(state, log, self.numbered, self._grown)
        return held

    def let_go(self, held: Held) -> None:
        """It is in memory no longer; it may be gone already."""
        if self.by_key.pop(held.state.key, None) is not None:
            self.spread -= held.shard is None

    def came_from(self, held: Held, shard: str) -> None:
        """An event of it came from that shard, which isn't the only one known to bring some."""
        if held.shard == "":
            held.shard = intern(shard)
        else:
            held.shard = None
            self.spread += 1
