"""Stream time, the arrival watermark: the clock that governs all holds and timers of the worker.

Stream time is the minimum of the shards' clocks and never runs backwards. A shard's clock is the
latest arrival time read from it or, where it was read to its tip, the server's date. So everything
that arrived before stream time has been read, and a replay sees the same times as the original run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class StreamTime:
    """The arrival watermark over all shards, in epoch ms. ``now`` is None until every shard that
    counts has a clock.
    """

    def __init__(self, now: int | None = None, clocks: Mapping[str, int] | None = None) -> None:
        self.now = now
        self.clocks: dict[str, int] = dict(clocks or {})

    def observe(self, shard: str, instant: int) -> None:
        """Move a shard's clock to ``instant``, unless it is there already."""
        if instant > self.clocks.get(shard, -1):
            self.clocks[shard] = instant

    def advance(self, shards: Iterable[str]) -> int | None:
        """Advance to the minimum of the clocks of ``shards``, those that can still deliver; return
        the time.

        A shard without a clock (a child, just found) holds time where it is.
        """
        least = min((self.clocks.get(shard, -1) for shard in shards), default=-1)
        if least >= 0 and (self.now is None or least > self.now):
            self.now = least
        return self.now

    def forget(self, shard: str) -> None:
        """Drop a shard that was read to its end and no longer holds time back."""
        self.clocks.pop(shard, None)

    def behind(self, shards: Iterable[str]) -> str | None:
        """Return the shard that holds stream time back; None without a shard."""
        return min(shards, key=lambda shard: (self.clocks.get(shard, -1), shard), default=None)

    def ahead(self, shards: Iterable[str], lead: int) -> set[str]:
        """Return the shards whose clocks are more than ``lead`` ms ahead of stream time."""
        if self.now is None:
            return set()
        limit = self.now + lead
        return {shard for shard in shards if self.clocks.get(shard, -1) > limit}
