"""From a Kinesis record to its occurrences, each with its place in the stream."""

from __future__ import annotations

from typing import Final

import msgspec

from worker.errors import Unreadable
from worker.events.envelope import Damaged, Occurrence, elements, is_list, read_cloud_event
from worker.events.kpl import MAGIC, user_records
from worker.stream.record import Record

MAX_PARTS: Final = 20_000
"""How many user records an aggregate, and how many CloudEvents a list may have. The greatest
record of 10 MiB has room for more only if they are too short to be call events."""


class Place(msgspec.Struct, frozen=True, order=True, gc=False):
    """Where an occurrence came from. ``sub_sequence``: its user record's index in a KPL
    aggregate, None for a plain record. ``arrival`` in epoch ms.
    """

    shard: str
    sequence_number: str
    sub_sequence: int | None
    arrival: int


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """An occurrence, its place, and its bytes: those of its user record, or of its element if
    that is a list.
    """

    occurrence: Occurrence
    place: Place
    data: bytes


def decode(record: Record) -> list[Delivery]:
    """All occurrences in a record, at least one. Never raises: what would is a defect, and its
    record alone becomes a dead letter.
    """
    place = Place(record.shard, record.sequence_number, None, record.arrival)
    try:
        return _decoded(record.data, place)
    except Exception as defect:
        return [Delivery(Damaged(reason_of(defect), record.data), place, record.data)]


DEFECT: Final = "a defect of the worker"
"""What the reasons begin with that no input should ever have."""


def reason_of(defect: Exception) -> str:
    """The reason of a dead letter that a defect made; what the error says may hold content."""
    return f"{DEFECT}: {type(defect).__name__}"


def _decoded(data: bytes, place: Place) -> list[Delivery]:
    if not data.startswith(MAGIC):
        return _deliveries(data, place)
    try:
        parts = _few(user_records(data) or [], "KPL aggregate: user records")
    except Unreadable as error:
        return [_damaged(error, data, place)]
    return [
        delivery
        for index, part in enumerate(parts)
        for delivery in _deliveries(part, msgspec.structs.replace(place, sub_sequence=index))
    ]


def _deliveries(data: bytes, place: Place) -> list[Delivery]:
    if not is_list(data):
        return [Delivery(read_cloud_event(data, place.arrival), place, data)]
    try:
        parts = _few(elements(data), "a list: elements")
    except Unreadable as error:
        return [_damaged(error, data, place)]
    return [Delivery(read_cloud_event(part, place.arrival), place, part) for part in parts]


def _few(parts: list[bytes], of_what: str) -> list[bytes]:
    if len(parts) > MAX_PARTS:
        raise Unreadable(f"{of_what}: {len(parts)}, more than {MAX_PARTS}")
    return parts


def _damaged(error: Unreadable, data: bytes, place: Place) -> Delivery:
    return Delivery(Damaged(str(error), data), place, data)
