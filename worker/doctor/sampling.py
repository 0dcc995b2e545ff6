"""A summary of a stream's traffic from some of its records. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from worker.doctor.facts import StreamSample
from worker.events.decode import Delivery, decode_all
from worker.events.event import Event, SessionKey
from worker.events.occurrence import Ignored, SinkTest
from worker.events.twilio.envelope import GATEWAY_TYPE
from worker.metrics import distribution
from worker.stream.record import Record


class _Schema(msgspec.Struct):
    dataschema: Any = None


_SCHEMA: Final = msgspec.json.Decoder(_Schema)
_LONGEST: Final = 20


def sample_of(records: Iterable[Record], minutes: int, shards: int) -> StreamSample:
    """Summarise the ``records`` of ``shards`` shards from the last ``minutes``."""
    records = list(records)
    arrivals = [record.arrival for record in records]
    deliveries = decode_all(records)
    kinds = Counter(_kind(delivery) for delivery in deliveries)
    events = [one for one in deliveries if isinstance(one.occurrence, Event)]
    seen, cross_shard = _sessions(events)
    return StreamSample(
        minutes,
        shards,
        records=len(records),
        bytes=sum(len(record.data) for record in records),
        span_ms=max(arrivals, default=0) - min(arrivals, default=0),
        occurrences=len(deliveries),
        relay=kinds["relay"],
        gateway=kinds["gateway"],
        other=kinds["other"],
        test_events=kinds["test event"],
        unreadable=kinds["unreadable"],
        schemas=dict(Counter(name for one in deliveries if (name := _schema(one.data)))),
        seen=seen,
        cross_shard=cross_shard,
        delays=_delays(events),
    )


def _kind(delivery: Delivery) -> str:
    occurrence = delivery.occurrence
    if isinstance(occurrence, Event):
        return "relay"
    if isinstance(occurrence, Ignored):
        return "gateway" if occurrence.type == GATEWAY_TYPE else "other"
    return "test event" if isinstance(occurrence, SinkTest) else "unreadable"


def _schema(data: bytes) -> str | None:
    """The version at the end of a gateway call event's dataschema."""
    if GATEWAY_TYPE.encode() not in data:
        return None
    try:
        schema = _SCHEMA.decode(data).dataschema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(schema, str):
        return None
    return schema.rpartition("/")[2].removesuffix(".json")[:_LONGEST] or None


def _sessions(events: Iterable[Delivery]) -> tuple[int, int]:
    """The number of sessions with more than one event, and of those on several shards."""
    counts: Counter[SessionKey] = Counter()
    shards: dict[SessionKey, set[str]] = {}
    for one in events:
        if isinstance(one.occurrence, Event):
            counts[one.occurrence.key] += 1
            shards.setdefault(one.occurrence.key, set()).add(one.shard)
    several = [key for key, count in counts.items() if count > 1]
    return len(several), sum(len(shards[key]) > 1 for key in several)


def _delays(events: Iterable[Delivery]) -> distribution.Distribution:
    """The delay of each event's first arrival; an event dated after its arrival has none."""
    first: dict[tuple[object, ...], int] = {}
    for one in events:
        event = one.occurrence
        if isinstance(event, Event):
            identity = (event.key, event.sequence_number, event.name, event.timestamp)
            delay = max(0, event.arrival - event.timestamp)
            first[identity] = min(delay, first.get(identity, delay))
    return distribution.of(first.values())
