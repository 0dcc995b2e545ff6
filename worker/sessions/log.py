"""A session's events, packed: a few bytes each, in the order in which they arrived.

The same bytes are what memory holds, what a commit appends and what the store keeps. An
event is a msgpack array ``[time since base, sequence number, name, payload, delay]``: times
in ms, ``delay`` from the event to its arrival, ``name`` a code (its index in ``KNOWN_NAMES``)
or, for a name nobody knows, the name itself.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

import msgspec

from worker.events.event import KNOWN_NAMES, Event, Payload, canonical_json


class Row(NamedTuple):
    """One unpacked event; ``timestamp`` in ms since the session's base."""

    timestamp: int
    sequence_number: int
    name: int | str
    payload: Payload | None
    delay: int


CODES: Final[dict[str, int]] = {name: code for code, name in enumerate(KNOWN_NAMES)}

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(list[Row])
_ARRAY_HEADER: Final = Struct(">BI").pack
_ARRAY32: Final = 0xDD


def append(log: bytearray, event: Event, base: int) -> None:
    """Pack ``event`` to the end of ``log``."""
    _ENCODER.encode_into(as_row(event, base), log, len(log))


def as_row(event: Event, base: int) -> Row:
    """The row of an event."""
    return Row(
        event.timestamp - base,
        event.sequence_number,
        CODES.get(event.name, event.name),
        event.payload,
        event.arrival - event.timestamp,
    )


def unpack(log: bytes | bytearray, count: int) -> list[Row]:
    """The ``count`` rows of a whole log, in the order in which they arrived.

    Raises ``msgspec.DecodeError`` for bytes that aren't a log of so many rows.
    """
    return _DECODER.decode(_ARRAY_HEADER(_ARRAY32, count) + log)


class Ordered(NamedTuple):
    """A session's distinct events in order, and what had to be settled to get there."""

    rows: list[Row]
    conflicts: int
    order_conflicts: int


def in_order(rows: list[Row]) -> Ordered:
    """Rows by ``(timestamp, sequence number, name)``, one an identity.

    Of payloads that differ under one identity the greater by its canonical JSON stays; each
    other one is a conflict. An order conflict is a neighbour with a smaller sequence number.
    """
    ordered = sorted(rows, key=_position)
    kept: list[Row] = []
    conflicts = order_conflicts = 0
    for row in ordered:
        if kept:
            last = kept[-1]
            if last[1] > row[1]:
                order_conflicts += 1
            elif last[:3] == row[:3]:
                conflicts += 1
                greater = canonical_json(row.payload) > canonical_json(last.payload)
                first = min(row.delay, last.delay)
                kept[-1] = (row if greater else last)._replace(delay=first)
                continue
        kept.append(row)
    return Ordered(kept, conflicts, order_conflicts)


def name_of(code: int | str) -> str:
    """The name behind a row's code."""
    return KNOWN_NAMES[code] if isinstance(code, int) else code


def _position(row: Row) -> tuple[int, int, str]:
    return row[0], row[1], name_of(row[2])
