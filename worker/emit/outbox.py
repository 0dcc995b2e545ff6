"""The outbox: what is to leave the worker, as complete requests, made only by a commit.

An entry is PENDING until an attempt begins, SENDING (durably, before the first byte leaves)
until its outcome is known, and then gone; or PENDING again, if it wasn't applied or nobody
knows. An entry found SENDING at a start is one whose outcome nobody knows. Of each entry the
ambiguous attempts are counted: that count bounds by how much CloudWatch may have too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final, Literal, NamedTuple

import msgspec

from worker.emit.lines import dead_letter_line
from worker.metrics.datums import Datum, groups
from worker.partition.outputs import Outputs

Kind = Literal["metrics", "records", "dead_letters"]
Group = list[Datum]

MAX_DATUMS: Final = 1000
"""Datums that one PutMetricData request takes."""

MAX_BYTES: Final = 640_000
"""Bytes of a request in compact JSON. The limit is 1 MB before compression; botocore's own
JSON has a space after each comma and colon, which adds at most a half."""

_LINES_BYTES: Final = 1_000_000


class Draft(NamedTuple):
    """An entry before a commit gives it its place."""

    kind: Kind
    body: bytes


class Entry(NamedTuple):
    """An entry of the outbox. ``attempts`` and ``ambiguous`` count those before the next."""

    id: int
    kind: Kind
    body: bytes
    attempts: int
    ambiguous: int


class Outcome(Enum):
    """What is known of an attempt to send."""

    APPLIED = "applied"
    NOT_APPLIED = "not applied"
    AMBIGUOUS = "ambiguous"
    INVALID = "invalid"


class Settled(NamedTuple):
    """An attempt's outcome; ``instead``: what takes the place of an invalid entry."""

    id: int
    outcome: Outcome
    instead: tuple[Draft, ...] = ()


def drafts(outputs: Outputs) -> list[Draft]:
    """What a commit's outputs have to send, in complete requests."""
    letters = (dead_letter_line(letter) for letter in outputs.dead_letters)
    return [
        *(Draft("metrics", encode_groups(one)) for one in _requests(groups(outputs.window))),
        *(Draft("records", body) for body in _blocks(one.line for one in outputs.records)),
        *(Draft("dead_letters", body) for body in _blocks(letters)),
    ]


def encode_groups(request: list[Group]) -> bytes:
    """A metrics entry's body. Groups stay apart in it, for one is never split."""
    return msgspec.json.encode(request)


def decode_groups(body: bytes) -> list[Group]:
    """The groups of a metrics entry."""
    return _GROUPS.decode(body)


def halves(entry: Entry) -> tuple[Draft, ...]:
    """What to send instead of a metrics entry that is invalid as a whole: its two halves, or,
    when a single series' minute is left, a dead letter that holds it.
    """
    request = decode_groups(entry.body)
    if len(request) == 1:
        letter = {"reason": "CloudWatch calls it invalid", "datums": request[0]}
        return (Draft("dead_letters", msgspec.json.encode(letter) + b"\n"),)
    middle = len(request) // 2
    return tuple(
        Draft("metrics", encode_groups(half)) for half in (request[:middle], request[middle:])
    )


_GROUPS: Final = msgspec.json.Decoder(list[list[Datum]])


def _requests(all_groups: Iterable[Group]) -> Iterator[list[Group]]:
    request: list[Group] = []
    datums = size = 0
    for group in all_groups:
        more = len(msgspec.json.encode(group))
        if request and (datums + len(group) > MAX_DATUMS or size + more > MAX_BYTES):
            yield request
            request, datums, size = [], 0, 0
        request.append(group)
        datums += len(group)
        size += more
    if request:
        yield request


def _blocks(lines: Iterable[bytes]) -> Iterator[bytes]:
    block = bytearray()
    for line in lines:
        block += line + b"\n"
        if len(block) >= _LINES_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)
