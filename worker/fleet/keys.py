"""Assigns records to buckets, and divides those that belong to several. Pure.

Nearly every record is one event, whose session is found without decoding the rest of it. Other
records are decoded. An event belongs to its session's bucket; an occurrence without a session
belongs to the bucket of its record's sequence number, so that exactly one bucket counts it. The
bucket is a function of the record alone: a record that is routed again goes to the same bucket.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from worker.errors import Unreadable
from worker.events.decode import PLATFORMS, Delivery, decode, decode_user_record
from worker.events.event import Event
from worker.events.kpl import MAGIC, user_records
from worker.events.platform import Platforms
from worker.fleet.bundles import BundleItem
from worker.fleet.layout import Layout
from worker.fleet.processor import LeasedRecord
from worker.stream.record import Record

Keyed = tuple[int, BundleItem]
"""A bucket, and an item that belongs to it."""


def items_by_bucket(
    records: Iterable[LeasedRecord], layout: Layout, platforms: Platforms = PLATFORMS
) -> dict[int, list[BundleItem]]:
    """Return the items of each bucket that has any, in the order of the records."""
    found: defaultdict[int, list[BundleItem]] = defaultdict(list)
    session_quickly, bucket_of = platforms.session_quickly, layout.bucket_of
    for record, sub_sequence in records:
        data = record.data
        session = session_quickly(data)
        if session is not None:
            item = BundleItem(record.sequence_number, record.arrival, data, sub_sequence)
            found[bucket_of(session)].append(item)
            continue
        for bucket, item in divided(record, sub_sequence, layout, platforms):
            found[bucket].append(item)
    return found


def divided(
    record: Record, sub_sequence: int | None, layout: Layout, platforms: Platforms = PLATFORMS
) -> list[Keyed]:
    """Return a record's parts by decoding it: the whole record, if all its occurrences belong to
    one bucket.
    """
    if sub_sequence is not None or not record.data.startswith(MAGIC):
        return _user_record(record, sub_sequence, layout, platforms)
    parts = [
        keyed
        for index, data in enumerate(_opened(record, platforms))
        for keyed in _user_record(_with(record, data), index, layout, platforms)
    ]
    buckets = {bucket for bucket, _ in parts} or {layout.bucket_of(record.sequence_number)}
    return parts if len(buckets) > 1 else [(buckets.pop(), _item(record, record.data, None))]


def _opened(record: Record, platforms: Platforms) -> list[bytes]:
    """Return the user records of an aggregate; none if it can't be read as one."""
    first, *_ = decode(record, platforms)
    if first.sub_sequence is None:
        return []
    try:
        return user_records(record.data) or []
    except Unreadable:
        return []


def _user_record(
    record: Record, sub_sequence: int | None, layout: Layout, platforms: Platforms
) -> list[Keyed]:
    deliveries = decode_user_record(record, sub_sequence, platforms)
    buckets = [_bucket(one, layout) for one in deliveries]
    if len(set(buckets)) == 1:
        return [(buckets[0], _item(record, record.data, sub_sequence))]
    return [
        (bucket, _item(record, one.data, sub_sequence, element=True))
        for bucket, one in zip(buckets, deliveries, strict=True)
    ]


def _bucket(delivery: Delivery, layout: Layout) -> int:
    occurrence = delivery.occurrence
    if isinstance(occurrence, Event):
        return layout.bucket_of(occurrence.key.session_id)
    return layout.bucket_of(delivery.sequence_number)


def _item(
    record: Record, data: bytes, sub_sequence: int | None, *, element: bool = False
) -> BundleItem:
    return BundleItem(record.sequence_number, record.arrival, data, sub_sequence, element)


def _with(record: Record, data: bytes) -> Record:
    return Record(record.shard, record.sequence_number, record.arrival, data, record.partition_key)
