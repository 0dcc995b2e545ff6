"""From a Kinesis record to its occurrences, each with its place in the stream."""

from __future__ import annotations

from typing import NamedTuple

from worker.errors import Unreadable
from worker.events.envelope import Damaged, Occurrence, read_user_record
from worker.events.kpl import user_records
from worker.stream.record import Record


class Place(NamedTuple):
    """Where an occurrence came from. ``sub_sequence``: its user record's index in a KPL
    aggregate, None for a plain record. ``arrival`` in epoch ms.
    """

    shard: str
    sequence_number: str
    sub_sequence: int | None
    arrival: int


class Delivery(NamedTuple):
    """An occurrence, its place, and the bytes of its user record, or of itself if damaged."""

    occurrence: Occurrence
    place: Place
    data: bytes


def decode(record: Record) -> list[Delivery]:
    """All occurrences in a record, at least one. Never raises."""
    try:
        subs = user_records(record.data)
    except Unreadable as error:
        return [Delivery(Damaged(str(error), record.data), _place(record, None), record.data)]
    if subs is None:
        return _deliveries(record.data, _place(record, None))
    return [
        delivery
        for index, data in enumerate(subs)
        for delivery in _deliveries(data, _place(record, index))
    ]


def _deliveries(data: bytes, place: Place) -> list[Delivery]:
    return [
        Delivery(one, place, one.data if isinstance(one, Damaged) else data)
        for one in read_user_record(data, place.arrival)
    ]


def _place(record: Record, sub_sequence: int | None) -> Place:
    return Place(record.shard, record.sequence_number, sub_sequence, record.arrival)
