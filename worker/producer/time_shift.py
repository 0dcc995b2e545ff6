"""Shifting the times inside recorded CloudEvents."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aws_kinesis_agg.deaggregator import messages_pb2  # only this makes the messages importable

from worker.errors import Unreadable
from worker.events.decode import MAX_PARTS
from worker.events.documents import documents
from worker.events.kpl import MAGIC, sealed, user_records
from worker.times.rfc3339 import format_ms, parse_ms

_DIGEST_SIZE: Final = 16
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)


def shifted(data: bytes, by_ms: int) -> bytes:
    """The record ``data`` with the times of its CloudEvents shifted by ``by_ms`` milliseconds.

    Shifts ``time`` and ``data.timestamp``, also in a list of events, in several JSON documents and
    in a KPL aggregate, and if ``data`` is JSON in a string. Unreadable data is left unchanged; a
    shifted time is written in UTC with milliseconds.
    """
    try:
        if user_records(data) is None:
            return _shifted_record(data, by_ms)
    except Unreadable:
        return data
    message = messages_pb2.AggregatedRecord()
    message.ParseFromString(data[len(MAGIC) : -_DIGEST_SIZE])
    for record in message.records:
        record.data = _shifted_record(record.data, by_ms)
    return sealed(message.SerializeToString())


def _shifted_record(data: bytes, by_ms: int) -> bytes:
    moved = _shifted_document(data, by_ms)
    if moved is not None:
        return moved
    try:
        parts = documents(data, MAX_PARTS)
    except Unreadable:
        return data
    if len(parts) < 2:
        return data
    return b"\n".join(_shifted_document(part, by_ms) or part for part in parts)


def _shifted_document(data: bytes, by_ms: int) -> bytes | None:
    """The single JSON document in ``data``, shifted; None if it can't be read."""
    try:
        decoded = msgspec.json.decode(data)
        for event in decoded if isinstance(decoded, list) else [decoded]:
            if isinstance(event, dict):
                _shift_event(event, by_ms)
        return msgspec.json.encode(decoded)
    except _UNREADABLE:
        return None


def _shift_event(event: dict[str, Any], by_ms: int) -> None:
    _shift_field(event, "time", by_ms)
    inner = event.get("data")
    if isinstance(inner, dict):
        _shift_field(inner, "timestamp", by_ms)
    elif isinstance(inner, str):
        event["data"] = _shifted_text(inner, by_ms)


def _shifted_text(text: str, by_ms: int) -> str:
    try:
        decoded = msgspec.json.decode(text)
        if not isinstance(decoded, dict):
            return text
        _shift_field(decoded, "timestamp", by_ms)
        return msgspec.json.encode(decoded).decode()
    except _UNREADABLE:
        return text


def _shift_field(fields: dict[str, Any], name: str, by_ms: int) -> None:
    stamp = fields.get(name)
    instant = parse_ms(stamp) if isinstance(stamp, str) else None
    if instant is not None:
        fields[name] = format_ms(instant + by_ms)
