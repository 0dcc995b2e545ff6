"""Call events from the REST API, converted to the CloudEvents of Event Streams. Pure.

A row of the REST API is what Event Streams sends as ``data``. It has no CloudEvent id, and needs
none: an event's identity is its session, sequence number, name and time, which are the same both
ways. So events that are read back complete those from the stream, and duplicate none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from worker.errors import Unreadable
from worker.events.twilio.envelope import GATEWAY_TYPE, SDK_TYPE
from worker.times.rfc3339 import parse_ms

SCHEMA: Final = "https://events-schemas.twilio.com/VoiceInsights.CallEvent/3"

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class ReportedCallEvent(NamedTuple):
    """A CloudEvent and its arrival time, which is the event's own time, in epoch ms."""

    arrival: int
    data: bytes


class Contents(NamedTuple):
    """Counts over call events: all rows, ConversationRelay's events, and ConversationRelay
    sessions without a ``call_wrap_up``, perhaps because the call is still in progress.
    """

    rows: int
    relay: int
    unfinished: int


def call_events(rows: Iterable[bytes]) -> list[ReportedCallEvent]:
    """Convert a call's rows to CloudEvents, sorted by time; equal rows give equal bytes.

    A row without a readable time gets the arrival time of the row before it.
    Raises ``Unreadable`` for a row that is not a JSON object.
    """
    events: list[ReportedCallEvent] = []
    arrival = 0
    for text in rows:
        row = _row(text)
        arrival = _instant(row) or arrival
        events.append(ReportedCallEvent(arrival, _cloud_event(row)))
    return sorted(events, key=_arrival)


def contents(rows: Sequence[bytes]) -> Contents:
    """Count a call's rows."""
    relay = [(row, data) for row in map(_row, rows) if (data := _relay_data(row)) is not None]
    sessions = {str(data.get("session_id")) for _, data in relay}
    finished = {
        str(data.get("session_id"))
        for row, data in relay
        if "call_wrap_up" in (row.get("name"), data.get("name"))
    }
    return Contents(len(rows), len(relay), len(sessions - finished))


def _arrival(event: ReportedCallEvent) -> int:
    return event.arrival


def _row(text: bytes) -> dict[str, Any]:
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("a row of call events is not a JSON object") from error


def _relay_data(row: dict[str, Any]) -> dict[str, Any] | None:
    relay = row.get("conversation_relay_data")
    return relay if isinstance(relay, dict) else None


def _instant(row: dict[str, Any]) -> int | None:
    stamp = row.get("timestamp")
    instant = parse_ms(stamp) if isinstance(stamp, str) else None
    return instant if instant is not None and instant >= 0 else None


def _cloud_event(row: dict[str, Any]) -> bytes:
    digest = hashlib.md5(_encode(row), usedforsecurity=False).hexdigest()
    return _encode(
        {
            "specversion": "1.0",
            "type": SDK_TYPE if row.get("edge") == "sdk_edge" else GATEWAY_TYPE,
            "source": f"/2010-04-01/Accounts/{row.get('account_sid')}/VoiceInsights",
            "id": f"EZ{digest}",
            "dataschema": SCHEMA,
            "datacontenttype": "application/json",
            "time": row.get("timestamp"),
            "data": row,
        }
    )
