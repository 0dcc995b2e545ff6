"""Decoding of a Kinesis record to its occurrences, each with its origin in the stream."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from worker.errors import Unreadable
from worker.events.cloud_event import elements, is_list
from worker.events.documents import documents, wrapping
from worker.events.event import Event
from worker.events.kpl import MAGIC, user_records
from worker.events.occurrence import Damaged, Occurrence
from worker.events.pinecall.platform import PINECALL
from worker.events.platform import Platforms
from worker.events.twilio.platform import TWILIO
from worker.stream.record import Record

MAX_PARTS: Final = 20_000
"""The most user records of an aggregate, CloudEvents of a user record, and CloudEvents of a whole
aggregate. The largest record of 10 MiB has room for more only if they are too short to be call
events.
"""


PLATFORMS: Final = Platforms(TWILIO, PINECALL)
"""The voice platforms that the worker knows."""


class Origin(msgspec.Struct, frozen=True, order=True, gc=False):
    """The place that an occurrence came from. ``sub_sequence``: its user record's index in a KPL
    aggregate, None for a plain record. ``arrival`` in epoch ms.
    """

    shard: str
    sequence_number: str
    sub_sequence: int | None
    arrival: int


class Delivery(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An occurrence, its origin field by field, and its bytes: those of its user record, or of its
    part if the user record is a list or several JSON documents.
    """

    occurrence: Occurrence
    shard: str
    sequence_number: str
    arrival: int
    data: bytes
    sub_sequence: int | None = None

    @property
    def place(self) -> Origin:
        """The origin of the occurrence."""
        return Origin(self.shard, self.sequence_number, self.sub_sequence, self.arrival)


def decode(record: Record, platforms: Platforms = PLATFORMS) -> list[Delivery]:
    """Return all occurrences in a record, at least one. Never raises: an error is a defect, and
    only its record becomes a dead letter.
    """
    return decode_all((record,), platforms)


def decode_all(records: Iterable[Record], platforms: Platforms = PLATFORMS) -> list[Delivery]:
    """Return all occurrences in these records, in order, each the same as from ``decode``."""
    read_quickly = platforms.read_quickly
    deliveries: list[Delivery] = []
    for record in records:
        data, arrival = record.data, record.arrival
        try:
            occurrence = read_quickly(data, arrival)
            # nearly all are events; to ask of each whether it is settled would cost more
            if type(occurrence) is Event or platforms.settled(occurrence):
                deliveries.append(
                    Delivery(occurrence, record.shard, record.sequence_number, arrival, data)
                )
            else:
                deliveries += _slow_path(record, platforms)
        except Exception as defect:
            deliveries.append(_damaged(defect_reason(defect), record, data))
    return deliveries


def decode_user_record(
    record: Record, sub_sequence: int | None, platforms: Platforms = PLATFORMS
) -> list[Delivery]:
    """Return the occurrences of a record whose data is one user record, at least one: that with the
    index ``sub_sequence`` of an aggregate, which somebody else has opened; None for a plain record.
    Never raises.
    """
    if sub_sequence is None:
        return decode(record, platforms)
    try:
        return _deliveries(record, platforms, record.data, sub_sequence)
    except Exception as defect:
        return [_damaged(defect_reason(defect), record, record.data, sub_sequence)]


def decode_element(
    record: Record, sub_sequence: int | None, platforms: Platforms = PLATFORMS
) -> Delivery:
    """Return the occurrence of a record whose data is one element of a list, or one of several
    documents, that somebody else has divided. Never raises.
    """
    data = record.data
    try:
        return _delivery(_read(data, record.arrival, platforms), record, data, sub_sequence)
    except Exception as defect:
        return _damaged(defect_reason(defect), record, data, sub_sequence)


DEFECT: Final = "a defect of the worker"
"""The prefix of reasons that no input should ever cause."""


def defect_reason(defect: Exception) -> str:
    """Return the reason for a dead letter caused by a defect, without the error's text, which may
    hold content.
    """
    return f"{DEFECT}: {type(defect).__name__}"


def _slow_path(record: Record, platforms: Platforms) -> list[Delivery]:
    """Return the occurrences of a record that isn't a single CloudEvent exactly as in its
    schema.
    """
    data = record.data
    if not data.startswith(MAGIC):
        return _deliveries(record, platforms, data, None)
    try:
        parts = _few(user_records(data) or [], "KPL aggregate: user records")
    except Unreadable as error:
        return [_damaged(str(error), record, data)]
    deliveries: list[Delivery] = []
    for index, part in enumerate(parts):
        deliveries += _deliveries(record, platforms, part, index)
        if len(deliveries) > MAX_PARTS:
            why = f"KPL aggregate: more than {MAX_PARTS} events in its records"
            return [_damaged(why, record, data)]
    return deliveries


def _deliveries(
    record: Record, platforms: Platforms, data: bytes, sub_sequence: int | None
) -> list[Delivery]:
    """Return the occurrences of a user record: one, or those of a list or of several documents."""
    arrival = record.arrival
    try:
        if is_list(data):
            parts = _elements(data)
        else:
            occurrence = _read(data, arrival, platforms)
            if not isinstance(occurrence, Damaged):
                return [_delivery(occurrence, record, data, sub_sequence)]
            parts = _several(data, occurrence.reason)
    except Unreadable as error:
        return [_damaged(wrapping(data) or str(error), record, data, sub_sequence)]
    return [
        _delivery(_read(part, arrival, platforms), record, part, sub_sequence) for part in parts
    ]


def _elements(data: bytes) -> list[bytes]:
    """Return the elements of a list, or the documents that begin with one."""
    try:
        parts = elements(data)
    except Unreadable as error:
        return _several(data, str(error))
    return _few(parts, "a list: elements")


def _several(data: bytes, reason: str) -> list[bytes]:
    """Return the JSON documents of a user record. Raises ``Unreadable`` with that reason if there
    are fewer than two.
    """
    parts = documents(data, MAX_PARTS)
    if len(parts) < 2:
        raise Unreadable(reason)
    return parts


def _delivery(
    occurrence: Occurrence, record: Record, data: bytes, sub_sequence: int | None = None
) -> Delivery:
    return Delivery(
        occurrence, record.shard, record.sequence_number, record.arrival, data, sub_sequence
    )


def _damaged(reason: str, record: Record, data: bytes, sub_sequence: int | None = None) -> Delivery:
    return _delivery(Damaged(reason), record, data, sub_sequence)


def _read(data: bytes, arrival: int, platforms: Platforms) -> Occurrence:
    occurrence = platforms.read_quickly(data, arrival)
    if occurrence is not None and platforms.settled(occurrence):
        return occurrence
    return platforms.read(data, arrival)


def _few(parts: list[bytes], of_what: str) -> list[bytes]:
    if len(parts) > MAX_PARTS:
        raise Unreadable(f"{of_what}: {len(parts)}, more than {MAX_PARTS}")
    return parts
