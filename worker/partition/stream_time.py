"""Stream time: the clock that all holds and timers of the worker go by.

It is the least of the shards' clocks and never runs backwards. A shard's clock is the latest
arrival time read from it or, where it was read to its tip, the server's date. So everything
that arrived before stream time has been read, and a replay has the same time as the original.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class StreamTime:
    """All in epoch ms. ``now`` is None until every shard that counts has a clock."""

    def __init__(self, now: int | None = None, clocks: Mapping[str, int] | None = None) -> None:
        self.now = now
        self.clocks: dict[str, int] = dict(clocks or {})

    def observe(self, shard: str, instant: int) -> None:
        """Something of that time was read from a shard, or its tip seen at that time."""
        if instant > self.clocks.get(shard, -1):
            self.clocks[shard] = instant

    def advance(self, shards: Iterable[str]) -> int | None:
        """The new stream time, if these shards are the ones that can still deliver.

        A shard without a clock (a child, just found) holds time where it is.
        """
        least = min((self.clocks.get(shard, -1) for shard in shards), default=-1)
        if least >= 0 and (self.now is None or least > self.now):
            self.now = least
        return self.now

    def forget(self, shard: str) -> None:
        """A shard was read to its end and no longer holds time back."""
        self.clocks.pop(shard, None)

    def behind(self, shards: Iterable[str]) -> str | None:
        """The shard that holds stream time back; None without a shard."""
        return min(shards, key=lambda shard: (self.clocks.get(shard, -1), shard), default=None)

    def ahead(self, shards: Iterable[str], lead: int) -> set[str]:
        """The shards that run more than ``lead`` ms ahead of stream time."""
        if self.now is None:
            return set()
        limit = self.now + lead
        return {shard for shard in shards if self.clocks.get(shard, -1) > limit}
