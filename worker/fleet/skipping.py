"""Lets a bucket whose chain is broken continue after the gap. Shell."""

from __future__ import annotations

import time
from contextlib import closing
from random import random

from worker.errors import BadInput
from worker.fleet.layout import Layout
from worker.opening import Locations
from worker.partition.delta import Delta
from worker.state.store import Commit
from worker.stream.position import HEAD, Position


def skip_to(
    locations: Locations, state: str, layout: Layout, bucket: int, shard: str, after: str
) -> str:
    """Advance a bucket's position in a shard of the source to ``after``, a sequence number, and
    count a gap; return the position before, in words.

    Raises ``BadInput`` for a bucket without a state, for a shard that no bucket knows, and for a
    text that is no number or a number before the bucket's position.
    """
    if bucket >= layout.buckets or not after.isdecimal():
        raise BadInput(f"takes a bucket from 0 to {layout.buckets - 1} and a sequence number")
    location = layout.location(state, bucket)
    if not locations.has_state(location):
        raise BadInput(f"bucket {bucket} has no state yet: there is nothing to pass over")
    _require_known(locations, state, layout, bucket, shard)
    with closing(locations.store(location, lambda _failed: None, time.sleep, random)) as store:
        whole = store.acquire(layout.identity(bucket))
        before = whole.positions.get(shard, HEAD)
        if before.ended or (before.started and int(before.value) >= int(after)):
            raise BadInput(f"bucket {bucket} has {shard} up to {before.value or 'its end'} already")
        position = Position("after", after, before.seen_to)
        delta = Delta(
            positions={shard: position}, stream_time=whole.stream_time, counters={"input_gaps": 1}
        )
        store.append(Commit(delta, [], [], None))
    return before.value or before.kind


def _require_known(
    locations: Locations, state: str, layout: Layout, bucket: int, shard: str
) -> None:
    """Raise ``BadInput`` for a shard that no bucket knows. A shard's first records may never have
    reached this bucket, but then they have reached others.

    A shard that doesn't exist would never have a clock, and the bucket's stream time would stand
    still.
    """
    for one in (bucket, *range(layout.buckets)):
        location = layout.location(state, one)
        if locations.has_state(location):
            at = locations.view(location).contents().whole.positions.get(shard)
            if at is not None and not at.is_carrier:
                return
    raise BadInput(f"no bucket knows a shard {shard} of the source")
