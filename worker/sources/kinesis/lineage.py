"""The rules of shard lineage: which shards may be read, from where, and which have expired. Pure.

* A shard is read only when every parent of it that the stream still lists has been read to its end,
  and that end has been handed over.
* A shard without a position starts at TRIM_HORIZON; LATEST is a time, fixed once.
* A shard that has been read to its end stays known until the stream has trimmed it away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from worker.errors import Misconfigured
from worker.sources.kinesis.clocks import ClockDoubt
from worker.stream.position import HEAD, SECOND, Position, Start, at_time


class ShardInfo(NamedTuple):
    """A shard and its parents: one after a split, two after a merge."""

    shard: str
    parents: tuple[str, ...] = ()


class StreamDescription(NamedTuple):
    """A stream at one moment.

    ``arn``: its name in all of AWS, whether it was named so or not. ``created``, ``server_date``:
    epoch ms, the latter by the server's clock, at or before the listing; None where ``doubt`` says
    that no clock supports it. ``retention``: how long the stream keeps records, ms.
    """

    arn: str
    created: int
    retention: int
    server_date: int | None
    shards: tuple[ShardInfo, ...]
    doubt: ClockDoubt | None = None


def first_positions(description: StreamDescription, start: Start) -> dict[str, Position]:
    """Return a position for every listed shard, to be committed before anything is read.

    Raises ``Misconfigured`` if they depend on the current time, and that is in doubt.
    """
    if start == "trim_horizon":
        position = HEAD
    elif start != "latest":
        position = at_time(start, start)
    elif description.server_date is not None:
        position = at_time(description.server_date, description.server_date)
    else:
        raise Misconfigured(f"start latest needs to know the time: {description.doubt}")
    return {info.shard: position for info in description.shards}


def child_position(parents: Iterable[Position]) -> Position:
    """Return where a shard starts whose parents are at ``parents``."""
    return HEAD._replace(seen_to=max((parent.seen_to for parent in parents), default=0))


def children_of(shard: str, shards: Iterable[ShardInfo]) -> tuple[ShardInfo, ...]:
    """Return those of ``shards`` that are children of ``shard``."""
    return tuple(info for info in shards if shard in info.parents)


def may_begin(info: ShardInfo, known: Collection[str], handed_over: Collection[str]) -> bool:
    """Whether each parent is unknown (trimmed away) or has handed over its end."""
    return all(parent in handed_over or parent not in known for parent in info.parents)


def trim_horizon(description: StreamDescription, now: int) -> int:
    """Return the arrival time (epoch ms) before which the stream may have dropped records by
    ``now``.

    0 while the stream is younger than its retention.
    """
    horizon = now - description.retention
    return horizon if horizon > description.created else 0


def may_have_lost(position: Position, horizon: int) -> bool:
    """Whether the records to be read next may have been trimmed."""
    return not position.ended and 0 < position.seen_to < horizon


def after_refusal(position: Position, horizon: int) -> tuple[Position, bool]:
    """Return where to continue when the stream no longer accepts a sequence number, and whether
    that leaves a gap.

    A shard seen to be empty up to a time within the retention has lost nothing although its last
    record is gone: it continues a minute before that time, because the servers' clocks differ a
    little.
    """
    if position.seen_to > horizon:
        return at_time(max(position.seen_to - 60 * SECOND, 0), position.seen_to), False
    return HEAD._replace(seen_to=position.seen_to), True


def expired_shards(
    positions: Mapping[str, Position], description: StreamDescription
) -> frozenset[str]:
    """Return the ended shards whose positions can be dropped: no longer listed, and old enough to
    have been trimmed.

    Both are required, because otherwise a listing that once misses a shard would have it read again
    from its beginning.
    """
    if description.server_date is None:
        return frozenset()
    listed = {info.shard for info in description.shards}
    horizon = description.server_date - description.retention
    return frozenset(
        shard
        for shard, position in positions.items()
        if position.ended and shard not in listed and position.seen_to < horizon
    )
