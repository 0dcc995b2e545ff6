"""Turns the new items of bundles and marks into a bucket's batches. Pure.

A bucket has all its items of each source shard up to a position, its *high-water mark*. A bundle
that begins at or before the mark advances it; items not above the mark are repeats. A bundle that
begins beyond the mark shows that items between were never received: the chain is broken, and no
more items may be folded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from worker.errors import ChainBroken, Misconfigured
from worker.events.decode import (
    PLATFORMS,
    Delivery,
    decode_all,
    decode_element,
    decode_user_record,
)
from worker.events.occurrence import Damaged
from worker.events.platform import Platforms
from worker.fleet.bundles import Bundle, BundleItem, Mark, SourceProgress
from worker.fleet.layout import Layout
from worker.sources.batch import DecodedBatch
from worker.stream.position import HEAD, Position
from worker.stream.record import Record


class Received(NamedTuple):
    """``batches``: at most one per source shard. ``repeated``: how many items the bucket had
    already.
    """

    batches: list[DecodedBatch]
    repeated: int


class Receipt:
    """The high-water marks of one bucket. ``positions``: those of its state; positions of shards of
    other streams than the source stay as they are. Not thread-safe.
    """

    def __init__(
        self,
        layout: Layout,
        bucket: int,
        positions: Mapping[str, Position],
        platforms: Platforms = PLATFORMS,
    ) -> None:
        self._layout = layout
        self._bucket = bucket
        self._positions = dict(positions)
        self._platforms = platforms

    def take(self, bundle: Bundle | Mark) -> Received:
        """Return the new items of a bundle, and count them as received.

        Raises ``ChainBroken``, and ``Misconfigured`` if the bundle is of another fleet or bucket;
        then none of its items counts as received.
        """
        if (bundle.fleet, bundle.bucket) != (self._layout.fingerprint, self._bucket):
            raise Misconfigured(
                f"bucket {self._bucket}: a bundle of another fleet, or for bucket {bundle.bucket}: "
                "is the keyed stream used by two fleets?"
            )
        items = bundle.items if isinstance(bundle, Bundle) else []
        progress = [bundle.progress] if isinstance(bundle, Bundle) else bundle.progress
        for one in progress:
            self._check(one)
        batches: list[DecodedBatch] = []
        repeated = 0
        for one in progress:
            new = self._new(one.shard, items)
            repeated += len(items) - len(new)
            batches += self._batches(one, new)
        return Received(batches, repeated)

    def _check(self, progress: SourceProgress) -> None:
        position = self._positions.get(progress.shard)
        if not _has(position, progress.after):
            has = position.value if position is not None and position.started else ""
            raise ChainBroken(self._bucket, progress.shard, has, progress.after)

    def _new(self, shard: str, items: list[BundleItem]) -> list[BundleItem]:
        position = self._positions.get(shard)
        if not items or position is None or not (position.started or position.ended):
            return items
        if not _has(position, items[-1].sequence_number):
            if not _has(position, items[0].sequence_number):
                return items
            return [one for one in items if not _has(position, one.sequence_number)]
        return []

    def _batches(self, progress: SourceProgress, items: list[BundleItem]) -> Iterator[DecodedBatch]:
        shard = progress.shard
        before = self._positions.get(shard, HEAD)
        position = _moved(before, progress)
        if position == before and shard in self._positions:
            return
        children = {
            child: HEAD._replace(seen_to=position.seen_to)
            for child in progress.children
            if position.ended and not self._begun(child)
        }
        self._positions |= {shard: position, **children}
        yield DecodedBatch(
            shard,
            len(items),
            self._decoded(shard, items),
            position,
            millis_behind=progress.millis_behind,
            gap=self._lost(before, progress),
            children=children,
        )

    def _lost(self, before: Position, progress: SourceProgress) -> bool:
        """Whether records may have been trimmed before the router read them; True in one bucket
        only, so that a gap counts once.
        """
        counts = self._layout.bucket_of(progress.shard) == self._bucket
        return counts and 0 < before.seen_to < progress.horizon

    def _begun(self, shard: str) -> bool:
        position = self._positions.get(shard, HEAD)
        return position.started or position.ended

    def _decoded(self, shard: str, items: list[BundleItem]) -> list[Delivery]:
        if all(one.sub_sequence is None and not (one.element or one.refused) for one in items):
            return decode_all((_record(shard, one) for one in items), self._platforms)
        return [delivery for one in items for delivery in self._parts(shard, one)]

    def _parts(self, shard: str, item: BundleItem) -> list[Delivery]:
        record, sub_sequence = _record(shard, item), item.sub_sequence
        if item.refused:
            place = shard, record.sequence_number, record.arrival, record.data, sub_sequence
            return [Delivery(Damaged(item.refused), *place)]
        if item.element:
            return [decode_element(record, sub_sequence, self._platforms)]
        return decode_user_record(record, sub_sequence, self._platforms)


def _record(shard: str, item: BundleItem) -> Record:
    return Record(shard, item.sequence_number, item.arrival, item.data, "")


def _has(position: Position | None, sequence_number: str) -> bool:
    """Whether all items up to ``sequence_number`` are received. Compared as numbers, since some
    servers write leading zeros.
    """
    if not sequence_number:
        return True
    if position is None or not position.started:
        return position is not None and position.ended
    return int(position.value) >= int(sequence_number)


def _moved(position: Position, progress: SourceProgress) -> Position:
    """Return the position after a stretch that begins at or before it."""
    if position.ended:
        return position
    seen_to = position.seen_to
    if _has(position, progress.through) and not progress.ended:
        # a repeat, or the same position with a later clock
        later = _same(position, progress.through) and progress.clock > seen_to
        return position._replace(seen_to=progress.clock) if later else position
    seen_to = max(seen_to, progress.clock)
    if progress.ended:
        return Position("ended", "", seen_to)
    return Position("after", progress.through, seen_to)


def _same(position: Position, through: str) -> bool:
    """Whether no item lies between ``through``, which the position includes, and the position. A
    run with an empty ``through`` has found no items at all, so none beyond the position either.
    """
    if not through:
        return True
    return int(position.value) == int(through)
