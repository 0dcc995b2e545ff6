"""A session's packed events: a few bytes each, in the order of their arrival.

The same bytes are kept in memory, appended by a commit and kept by the store. An event is a msgpack
array ``[time since base, sequence number, name, payload, delay]``: times in ms; ``delay`` from the
event to its arrival; ``name`` a code of ``EVENT_CODES`` or, if the name was unknown when the event
was packed, the name itself. An event with a link has three more fields, ``turn, previous,
guessed``; either all events of a log have them or none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from itertools import pairwise
from operator import attrgetter
from struct import Struct
from typing import Final, cast

import msgspec

from worker.events.event import EVENT_CODES, Event
from worker.events.payload import Payload, canonical, canonical_json


class LoggedEvent(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An unpacked event; ``timestamp`` in ms since the session's base."""

    timestamp: int
    sequence_number: int
    name: int | str
    payload: Payload | None
    delay: int


class LinkedEvent(LoggedEvent, array_like=True, frozen=True, gc=False):
    """One unpacked event of a platform that says more of its place; see ``Link``."""

    turn: int | None = None
    previous: int | None = None
    guessed: bool = False


class _CodedEvent(LoggedEvent, array_like=True, frozen=True, gc=False):
    """A row under its code, as nearly all rows are stored."""

    name: int


Identity = tuple[int, int, int | str]
"""The key that distinguishes an event from all others of its session: time, sequence number,
name.
"""

_encode: Final = msgspec.msgpack.Encoder().encode
_DECODER: Final = msgspec.msgpack.Decoder(list[LoggedEvent])
_CODED: Final = cast(
    "msgspec.msgpack.Decoder[list[LoggedEvent]]", msgspec.msgpack.Decoder(list[_CodedEvent])
)
_LINKED: Final = cast(
    "msgspec.msgpack.Decoder[list[LoggedEvent]]", msgspec.msgpack.Decoder(list[LinkedEvent])
)
_LINKED_EVENT: Final = b"\x98"
"""What each linked row begins with: an array of eight."""
_ARRAY_HEADER: Final = Struct(">BI").pack
_ARRAY32: Final = 0xDD


def logged_event(event: Event, base: int) -> LoggedEvent:
    """Return the row of an event."""
    timestamp, number, link = event.timestamp - base, event.sequence_number, event.link
    name, delay = EVENT_CODES.get(event.name, event.name), event.arrival - event.timestamp
    if link is None:
        return LoggedEvent(timestamp, number, name, event.payload, delay)
    return LinkedEvent(
        timestamp, number, name, event.payload, delay, link.turn, link.previous, link.guessed
    )


def pack_event(event: Event, base: int) -> bytes:
    """Return an event as its log encodes it."""
    return pack_events((event,), base)[0]


def pack_events(events: Sequence[Event], base: int) -> list[bytes]:
    """Return each of a session's events as its log encodes it, without making rows."""
    if events[0].link is not None:
        return [_encode(logged_event(event, base)) for event in events]
    code = EVENT_CODES.get
    return [
        _encode(
            (
                (timestamp := event.timestamp) - base,
                event.sequence_number,
                code(event.name, event.name),
                event.payload,
                event.arrival - timestamp,
            )
        )
        for event in events
    ]


def unpack_log(log: bytes | bytearray, count: int) -> list[LoggedEvent]:
    """Return the ``count`` rows of a whole log, in the order of their arrival.

    A name that was unknown when its event was packed, and has a code by now, becomes the code, so
    that an event has the same identity whichever release packed it. Raises ``msgspec.DecodeError``
    for bytes that aren't a log of ``count`` rows.
    """
    array = _ARRAY_HEADER(_ARRAY32, count) + log
    if is_linked(log):
        return list(map(_under_its_code, _LINKED.decode(array)))
    try:
        return _CODED.decode(array)
    except msgspec.ValidationError:
        return list(map(_under_its_code, _DECODER.decode(array)))


def is_linked(log: bytes | bytearray) -> bool:
    """Whether the rows of a log are linked ones."""
    return log.startswith(_LINKED_EVENT)


def _under_its_code(row: LoggedEvent) -> LoggedEvent:
    if isinstance(row.name, int) or row.name not in EVENT_CODES:
        return row
    return msgspec.structs.replace(row, name=EVENT_CODES[row.name])


class LogRange(msgspec.Struct, frozen=True, gc=False):
    """Consecutive rows of a log, from ``first`` up to but excluding ``last``, and their bytes from
    ``start`` to ``end``.
    """

    first: int = 0
    last: int = 0
    start: int = 0
    end: int = 0

    def left_out(self, log: bytes | bytearray, count: int) -> list[LoggedEvent]:
        """Return the rows outside this range of a log of ``count`` rows, in the order of their
        arrival.
        """
        return unpack_log(log[: self.start] + log[self.end :], count - self.last + self.first)

    def extended(
        self,
        log: bytes | bytearray,
        others: list[LoggedEvent],
        until: int,
        stay: Container[int | str],
    ) -> LogRange:
        """Return this range extended: from after the last row whose name is to ``stay`` up to the
        first row at or after ``until``. It never ends before this one; ``others`` are the rows
        outside this range.
        """
        opening, ending = self.first, len(others)
        for index in range(self.first, len(others)):
            row = others[index]
            if row.timestamp >= until:
                ending = index
                break
            if row.name in stay:
                opening = index + 1
        after = _packed(others[ending:])
        end = len(log) - len(after)
        if not log.endswith(after):  # one of these rows was packed under its text
            return self
        first, start, passed = self.first, self.start, self.last - self.first
        if opening > first:
            inside = _packed(others[opening:ending])
            if not log.endswith(inside, 0, end):
                return self
            first, start = opening + passed, end - len(inside)
        return LogRange(first, ending + passed, start, end)


def _packed(rows: list[LoggedEvent]) -> bytes:
    """Return the rows as the log encodes them."""
    return b"".join(map(_encode, rows))


def identity(row: LoggedEvent) -> Identity:
    """Return a row's identity within its session."""
    return row.timestamp, row.sequence_number, row.name


def text_of(row: LoggedEvent) -> str:
    """Return the text that decides between rows of one identity: the greater one wins. A known
    predecessor wins over an unknown one.
    """
    text = canonical_json(row.payload)
    if not isinstance(row, LinkedEvent):
        return text
    known = -1 if row.previous is None else row.previous
    return f"[{text},{known},{canonical(row.turn)},{canonical(row.guessed)}]"


class Ordered(msgspec.Struct, frozen=True, gc=False):
    """A session's distinct events in order, its distinct sequence numbers in ascending order, and
    the conflicts that were resolved to get there.
    """

    rows: list[LoggedEvent]
    numbers: list[int]
    conflicts: int
    order_conflicts: int


def in_order(rows: list[LoggedEvent]) -> Ordered:
    """Sort rows by ``(timestamp, sequence number, name)``, and keep one per identity.

    If payloads differ under one identity, the one with the greatest canonical JSON is kept, each
    other one is a conflict, and the earliest arrival counts. An order conflict is a row whose
    sequence number is smaller than its predecessor's.
    """
    by_number = sorted(rows, key=_NUMBER)
    numbers = [row.sequence_number for row in by_number]
    times = [row.timestamp for row in by_number]
    if times == sorted(times) and _are_distinct(numbers):
        return Ordered(by_number, numbers, 0, 0)  # nearly always
    return _in_order_of_time(by_number, sorted(set(numbers)))


def _are_distinct(ascending: list[int]) -> bool:
    """Whether no number is there twice; of consecutive ones that is known in no time."""
    first, count = ascending[0] if ascending else 0, len(ascending)
    return ascending == list(range(first, first + count)) or len(set(ascending)) == count


def _in_order_of_time(by_number: list[LoggedEvent], numbers: list[int]) -> Ordered:
    """Order rows whose numbers are repeated, or disagree with their times."""
    ordered = sorted(by_number, key=_TIME)  # stable, and faster than sorting by pairs
    order_conflicts = 0
    time: int | None = None
    number: int | None = None
    for row in ordered:
        before = number
        number = row.sequence_number
        if before is not None and before >= number:
            if before > number:
                order_conflicts += 1
            elif time == row.timestamp:
                return _deduplicated(ordered, numbers)
        time = row.timestamp
    return Ordered(ordered, numbers, 0, order_conflicts)


def _sorted(rows: list[LoggedEvent]) -> list[LoggedEvent]:
    """Sort rows by time and number; rows that share both keep their order."""
    return sorted(sorted(rows, key=_NUMBER), key=_TIME)  # faster than sorting by pairs


def _deduplicated(rows: list[LoggedEvent], numbers: list[int]) -> Ordered:
    """Order rows of which some share both time and number. Only rows that share their number can
    share their identity, and those are few.
    """
    counts = Counter(map(_NUMBER, rows))
    repeated = {number for number, count in counts.items() if count > 1}
    by_identity: dict[Identity, list[LoggedEvent]] = {}
    for row in rows:
        if row.sequence_number in repeated:
            by_identity.setdefault(identity(row), []).append(row)
    kept: list[LoggedEvent] = []
    conflicts = 0
    for same in by_identity.values():
        row = same[0]
        if len(same) > 1:
            payloads = {text_of(one): one for one in same}
            conflicts += len(payloads) - 1
            first = min(one.delay for one in same)
            row = msgspec.structs.replace(payloads[max(payloads)], delay=first)
        kept.append(row)
    kept.sort(key=_name)
    kept += [row for row in rows if row.sequence_number not in repeated]
    ordered = _sorted(kept)
    backwards = sum(a.sequence_number > b.sequence_number for a, b in pairwise(ordered))
    return Ordered(ordered, numbers, conflicts, backwards)


def name_of(code: int | str) -> str:
    """Return the name of a row's code."""
    return _NAMES[code] if isinstance(code, int) else code


_NAMES: Final = {code: name for name, code in EVENT_CODES.items()}
_TIME: Final = attrgetter("timestamp")
_NUMBER: Final = attrgetter("sequence_number")


def _name(row: LoggedEvent) -> str:
    return name_of(row.name)
