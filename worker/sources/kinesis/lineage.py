"""Which shards of a stream may be read now, from where, and which may be forgotten. Pure.

- A shard is read only when every parent of it that the stream still lists has been read to its
  end, and that end has been handed over.
- A shard that nothing is known of starts at TRIM_HORIZON; LATEST is a time, fixed once.
- A shard that has been read to its end stays known until the stream has trimmed it away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from worker.errors import Misconfigured
from worker.sources.kinesis.clocks import ClockDoubt
from worker.stream.position import HEAD, SECOND, Position, Start, at_time


class ShardInfo(NamedTuple):
    """A shard and the one (split) or two (merge) that it came from."""

    shard: str
    parents: tuple[str, ...] = ()


class StreamDescription(NamedTuple):
    """A stream at one moment.

    ``arn``: its name in all of AWS, however it was asked for. ``created``, ``server_date``: epoch
    ms, the latter by the server's clock, at or before the listing; None where ``doubt`` tells that
    no clock supports it. ``retention``: how long the stream keeps records, ms.
    """

    arn: str
    created: int
    retention: int
    server_date: int | None
    shards: tuple[ShardInfo, ...]
    doubt: ClockDoubt | None = None


def first_positions(description: StreamDescription, start: Start) -> dict[str, Position]:
    """A position for every listed shard. To be committed before anything is read.

    Raises ``Misconfigured`` if they depend on what time it is, and that is in doubt.
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
    """Where a shard starts whose parents stand at ``parents``."""
    return HEAD._replace(seen_to=max((parent.seen_to for parent in parents), default=0))


def children_of(shard: str, shards: Iterable[ShardInfo]) -> tuple[ShardInfo, ...]:
    """Those of ``shards`` that came from ``shard``."""
    return tuple(info for info in shards if shard in info.parents)


def may_begin(info: ShardInfo, known: Collection[str], handed_over: Collection[str]) -> bool:
    """Whether each parent is unknown (trimmed away) or has handed its end over."""
    return all(parent in handed_over or parent not in known for parent in info.parents)


def trim_horizon(description: StreamDescription, now: int) -> int:
    """The arrival time (epoch ms) before which the stream may have dropped records by ``now``.

    0 while the stream is younger than its retention.
    """
    horizon = now - description.retention
    return horizon if horizon > description.created else 0


def may_have_lost(position: Position, horizon: int) -> bool:
    """Whether records that were to be read next may have been trimmed away."""
    return not position.ended and 0 < position.seen_to < horizon


def after_refusal(position: Position, horizon: int) -> tuple[Position, bool]:
    """Where to go on when the stream takes a sequence number no more, and whether with a gap.

    A shard seen to be empty to within the retention has lost nothing although its last record is
    gone: it goes on a minute before that time, since clocks of servers differ a little.
    """
    if position.seen_to > horizon:
        return at_time(max(position.seen_to - 60 * SECOND, 0), position.seen_to), False
    return HEAD._replace(seen_to=position.seen_to), True


def expired_shards(
    positions: Mapping[str, Position], description: StreamDescription
) -> frozenset[str]:
    """Ended shards whose marks can go: no longer listed, and old enough to have been trimmed.

    Both, because a listing that misses a shard once would have it read again from its beginning.
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
