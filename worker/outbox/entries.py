"""The outbox: what is to leave the worker, as complete requests, made only by a commit.

An entry is PENDING until an attempt begins, SENDING (durably, before the first byte leaves)
until its outcome is known, and then gone; or PENDING again, if it wasn't applied or nobody
knows. An entry found SENDING at a start is one whose outcome nobody knows. Of each entry the
ambiguous attempts are counted, and what takes its place inherits them: that count bounds by
how much CloudWatch may have too much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import chain
from typing import Final, Literal, NamedTuple

import msgspec

from worker.destinations.cloudwatch.datums import Datum, groups
from worker.outbox.ledger import Note, note_of
from worker.partition import dead_letters
from worker.partition.commit_outputs import Outputs
from worker.partition.dead_letters import DeadLetter, samples_letter

EntryKind = Literal["metrics", "records", "dead_letters"]
Group = list[Datum]

MAX_DATUMS: Final = 1000
"""Datums that one PutMetricData request takes."""

MAX_BYTES: Final = 640_000
"""Bytes of a request in compact JSON. The limit is 1 MB before compression; botocore's own
JSON has a space after each comma and colon, which adds at most a half."""

OLDEST: Final = 14 * 86_400_000 - 300_000
"""How old a stamp may be (ms) when it is sent: CloudWatch takes two weeks, less a margin for
the way there and for clocks that differ."""

_LINES_BYTES: Final = 1_000_000


class Draft(NamedTuple):
    """An entry before a commit gives it its place. ``made``: when its contents left the
    partition (epoch ms); ``ambiguous``: attempts of the entry whose place it takes.
    """

    kind: EntryKind
    body: bytes
    made: int
    ambiguous: int = 0


class Entry(NamedTuple):
    """An entry of the outbox. ``attempts`` and ``ambiguous`` count those before the next."""

    id: int
    kind: EntryKind
    body: bytes
    made: int
    attempts: int
    ambiguous: int


class DeliveryOutcome(Enum):
    """What is known of an attempt to send, or why there is to be no other."""

    APPLIED = "applied"
    NOT_APPLIED = "not applied"
    AMBIGUOUS = "ambiguous"
    INVALID = "invalid"
    TOO_OLD = "too old"
    DROPPED = "dropped"

    @property
    def ends(self) -> bool:
        """Whether the entry leaves the outbox."""
        return self not in (DeliveryOutcome.NOT_APPLIED, DeliveryOutcome.AMBIGUOUS)


class Settled(NamedTuple):
    """An attempt's outcome. ``instead``: what takes the place of an entry that has ended;
    ``note``: what the ledger keeps of it.
    """

    id: int
    outcome: DeliveryOutcome
    instead: tuple[Draft, ...] = ()
    note: Note | None = None


def drafts(outputs: Outputs, made: int) -> list[Draft]:
    """What a commit's outputs have to send, in complete requests."""
    letters: Iterable[DeadLetter] = chain(outputs.dead_letters, outputs.set_aside)
    return [
        *(Draft("metrics", body, made) for body in _requests(groups(outputs.window))),
        *(Draft("records", body, made) for body in _blocks(one.line for one in outputs.records)),
        *(Draft("dead_letters", body, made) for body in _blocks(map(dead_letters.encode, letters))),
    ]


def encode_groups(request: list[Group]) -> bytes:
    """A metrics entry's body. Groups stay apart in it, for one is never split."""
    return _joined(map(_encode, request))


def decode_groups(body: bytes) -> list[Group]:
    """The groups of a metrics entry."""
    return _GROUPS.decode(body)


class Replacement(NamedTuple):
    """What goes on in the place of a metrics entry, and the groups that don't."""

    drafts: tuple[Draft, ...]
    buried: list[Group]


def halved(entry: Entry) -> Replacement:
    """For a metrics entry that is invalid as a whole: its two halves, or, when a single series'
    minute is left, a dead letter that holds it.
    """
    request = decode_groups(entry.body)
    if len(request) == 1:
        return Replacement((_letter("CloudWatch calls it invalid", request, entry),), request)
    middle = len(request) // 2
    halves = request[:middle], request[middle:]
    return Replacement(tuple(_part(half, entry) for half in halves), [])


def without_too_old(entry: Entry, now: int) -> Replacement | None:
    """For a metrics entry of which CloudWatch would refuse a part as too old at ``now`` (epoch
    ms): the rest, and a dead letter of that part. None if all of it is young enough.
    """
    request = decode_groups(entry.body)
    limit = (now - OLDEST) / 1000
    old = [group for group in request if group[0]["Timestamp"] < limit]
    if not old:
        return None
    young = [group for group in request if group[0]["Timestamp"] >= limit]
    letter = _letter("too old for CloudWatch", old, entry)
    return Replacement((_part(young, entry), letter) if young else (letter,), old)


def waiting_note(id_: int, body: bytes, ambiguous: int) -> Note:
    """What the ledger would say of a metrics entry that has not ended: nothing of it must have
    counted, and all of it may have, so many times.
    """
    datums = (datum for group in decode_groups(body) for datum in group)
    return note_of(id_, datums, 0, ambiguous)


def _part(request: list[Group], entry: Entry) -> Draft:
    return Draft("metrics", encode_groups(request), entry.made, entry.ambiguous)


def _letter(reason: str, request: list[Group], entry: Entry) -> Draft:
    datums = [datum for group in request for datum in group]
    letter = samples_letter(reason, datums[0]["Timestamp"] * 1000, datums)
    return Draft("dead_letters", dead_letters.encode(letter) + b"\n", entry.made)


_encode: Final[Callable[[Group], bytes]] = msgspec.json.Encoder().encode
_GROUPS: Final = msgspec.json.Decoder(list[list[Datum]])


def _requests(all_groups: Iterable[Group]) -> Iterator[bytes]:
    """The bodies of complete requests."""
    request: list[bytes] = []
    datums = size = 0
    for group in all_groups:
        encoded = _encode(group)
        if request and (datums + len(group) > MAX_DATUMS or size + len(encoded) > MAX_BYTES):
            yield _joined(request)
            request, datums, size = [], 0, 0
        request.append(encoded)
        datums += len(group)
        size += len(encoded)
    if request:
        yield _joined(request)


def _joined(encoded: Iterable[bytes]) -> bytes:
    return b"[%b]" % b",".join(encoded)


def _blocks(lines: Iterable[bytes]) -> Iterator[bytes]:
    block = bytearray()
    for line in lines:
        block += line + b"\n"
        if len(block) >= _LINES_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)
