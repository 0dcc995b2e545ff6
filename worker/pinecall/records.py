"""Call events as records of a stream. Pure."""

from __future__ import annotations

from typing import Final

from worker.events.pinecall.cloud_event import PinecallEvent, encode_event
from worker.stream.record import Record
from worker.times.rfc3339 import parse_ms

BRIDGE_SHARD: Final = "pinecall"
"""The shard of records that are in no stream yet."""


def time_of(event: PinecallEvent) -> int:
    """Return when the event happened, in epoch ms."""
    at = parse_ms(event.time)
    assert at is not None, "an event's time is written by format_ms"  # noqa: S101
    return at


def record_of(event: PinecallEvent) -> Record:
    """Return an event's record, whose arrival is the time of the event."""
    number = str(event.sequence_number)
    return Record(BRIDGE_SHARD, number, time_of(event), encode_event(event), event.partition_key)
