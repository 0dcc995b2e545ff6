"""What tests see in simulated records, read by the worker's own decoder."""

from __future__ import annotations

from collections.abc import Iterable

from worker.errors import Unreadable
from worker.events.envelope import Damaged, Occurrence, read_user_record
from worker.events.event import Event
from worker.events.kpl import user_records
from worker.stream.record import Record


def occurrences(record: Record) -> list[Occurrence]:
    """All occurrences in one Kinesis record."""
    try:
        inner = user_records(record.data)
    except Unreadable as error:
        return [Damaged(str(error), record.data)]
    return [
        occurrence
        for data in ([record.data] if inner is None else inner)
        for occurrence in read_user_record(data, record.arrival)
    ]


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
