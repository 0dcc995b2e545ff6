"""A bucket's items as lists that fit into bundles. Pure.

Positions are those of whole records, so the items that one record has for a bucket, a *group*, are
never divided between two bundles.
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
"""How many bytes are kept of data that no bundle can hold."""


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
    """Return smaller lists for a chunk that turned out too large: its halves or, for one group, the
    group with its largest data cut, which makes those items dead letters.
    """
    groups = list(_groups(chunk))
    if len(groups) > 1:
        half = len(groups) // 2
        return [_joined(groups[:half]), _joined(groups[half:])]
    largest = max(len(one.data) for one in chunk)
    return [[_cut(one) if 2 * len(one.data) > largest else one for one in chunk]]


def _few(group: list[BundleItem]) -> list[BundleItem]:
    """Return a group of no more items than a bundle may have: an aggregate with too many records is
    cut to a few bytes, which are one dead letter, as in a single worker.
    """
    if len(group) <= MAX_PARTS:
        return group
    return [replace(group[0], refused=f"KPL aggregate: more than {MAX_PARTS} events")]


def _cut(item: BundleItem) -> BundleItem:
    why = f"{len(item.data)} bytes, more than a record of the keyed stream can hold"
    # once no data is left to cut, only the places take bytes
    kept = item.data[: min(KEPT_BYTES, len(item.data) // 2)]
    return replace(item, data=kept, refused=item.refused or why)


def _groups(items: Iterable[BundleItem]) -> Iterator[list[BundleItem]]:
    for _, group in groupby(items, attrgetter("sequence_number")):
        yield list(group)


def _joined(groups: Iterable[list[BundleItem]]) -> list[BundleItem]:
    return [one for group in groups for one in group]
