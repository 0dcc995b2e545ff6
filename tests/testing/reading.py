"""What tests see in simulated records, read by the worker's own decoder."""

from __future__ import annotations

from collections.abc import Iterable

from worker.events.decode import decode
from worker.events.event import Event
from worker.events.occurrence import Occurrence
from worker.stream.record import Record


def occurrences(record: Record) -> list[Occurrence]:
    """All occurrences in one Kinesis record."""
    return [delivery.occurrence for delivery in decode(record)]


def read_user_record(data: bytes, arrival: int) -> list[Occurrence]:
    """All occurrences in one user record, a record of its own."""
    return occurrences(Record("shard-0", "1", arrival, data, "key"))


def events(records: Iterable[Record]) -> list[Event]:
    """The ConversationRelay events in ``records``, repeats and all."""
    return [
        occurrence
        for record in records
        for occurrence in occurrences(record)
        if isinstance(occurrence, Event)
    ]


def identities(records: Iterable[Record]) -> set[str]:
    """What was said, without how and when it was delivered."""
    return {
        repr((e.key, e.timestamp, e.sequence_number, e.name, e.payload)) for e in events(records)
    }
