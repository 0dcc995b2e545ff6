"""A bucket's items as lists that fit into bundles. Pure.

Positions are those of whole records, so what one record has for a bucket is never spread over two
bundles: it is a *group*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Final

from msgspec.structs import replace

from worker.events.decode import MAX_PARTS
from worker.fleet.bundles import BundleItem

CHUNK_BYTES: Final = 2 << 20
CHUNK_ITEMS: Final = 10_000
"""The bytes and items at which a bundle is full; one group may be more."""

KEPT_BYTES: Final = 1 << 10
"""What is kept of data that no bundle can hold."""


def chunks(items: list[BundleItem]) -> Iterator[list[BundleItem]]:
    """Yield items of ascending records in lists of whole groups."""
    if len(items) <= CHUNK_ITEMS and sum([len(one.data) for one in items]) <= CHUNK_BYTES:
        yield items
        return
    chunk: list[BundleItem] = []
    size = 0
    for group in map(_few, _groups(items)):
        added = sum(len(one.data) for one in group)
        if chunk and (size + added > CHUNK_BYTES or len(chunk) + len(group) > CHUNK_ITEMS):
            yield chunk
            chunk, size = [], 0
        chunk += group
        size += added
    if chunk:
        yield chunk


def shortened(chunk: list[BundleItem]) -> list[list[BundleItem]]:
    """Return lists that are smaller than a chunk that turned out too large: its halves or, of one
    group, the group with its largest data cut off, which makes those items dead letters.
    """
    groups = list(_groups(chunk))
    if len(groups) > 1:
        half = len(groups) // 2
        return [_joined(groups[:half]), _joined(groups[half:])]
    largest = max(len(one.data) for one in chunk)
    return [[_cut(one) if 2 * len(one.data) > largest else one for one in chunk]]


def _few(group: list[BundleItem]) -> list[BundleItem]:
    """Return a group that is no more than a bundle may have: a few bytes of an aggregate of more
    records than events fit in are one dead letter, as they are where nothing is routed.
    """
    if len(group) <= MAX_PARTS:
        return group
    return [replace(group[0], refused=f"KPL aggregate: more than {MAX_PARTS} events")]


def _cut(item: BundleItem) -> BundleItem:
    why = f"{len(item.data)} bytes, more than a record of the keyed stream can hold"
    # once nothing is left to cut, the sizes of places are all there is
    kept = item.data[: min(KEPT_BYTES, len(item.data) // 2)]
    return replace(item, data=kept, refused=item.refused or why)


def _groups(items: Iterable[BundleItem]) -> Iterator[list[BundleItem]]:
    for _, group in groupby(items, attrgetter("sequence_number")):
        yield list(group)


def _joined(groups: Iterable[list[BundleItem]]) -> list[BundleItem]:
    return [one for group in groups for one in group]
