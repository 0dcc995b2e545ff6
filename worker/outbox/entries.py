"""The outbox: what is to leave the worker, as complete requests, made only by a commit.

An entry is PENDING until an attempt begins, SENDING (durably, before the first byte leaves)
until its outcome is known, and then gone; or PENDING again, if it wasn't applied or nobody
knows. An entry found SENDING at a start is one whose outcome nobody knows. Of each entry the
ambiguous attempts are counted, and what takes its place inherits them: that count bounds by
how much its destination may have too much. Pure.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from worker.outbox.ledger import Note

EntryKind = str
"""Which destination an entry is for: the name that wiring gives it. It is kept with the entry, so
a name that has been used must go on meaning the same store."""

DEAD_LETTER_KIND: Final[EntryKind] = "dead_letters"
"""The kind of what no destination takes; wiring has to give a destination this name."""


class NewEntry(NamedTuple):
    """An entry before a commit gives it its place. ``created_at``: when its contents left the
    partition (epoch ms); ``ambiguous``: attempts of the entry whose place it takes.
    """

    kind: EntryKind
    body: bytes
    created_at: int
    ambiguous: int = 0


class Entry(NamedTuple):
    """An entry of the outbox. ``attempts`` and ``ambiguous`` count those before the next."""

    id: int
    kind: EntryKind
    body: bytes
    created_at: int
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
    def is_final(self) -> bool:
        """Whether the entry leaves the outbox."""
        return self not in (DeliveryOutcome.NOT_APPLIED, DeliveryOutcome.AMBIGUOUS)


class Settled(NamedTuple):
    """An attempt's outcome. ``replacements``: what takes the place of an entry that has ended;
    ``note``: what the ledger keeps of it.
    """

    id: int
    outcome: DeliveryOutcome
    replacements: tuple[NewEntry, ...] = ()
    note: Note | None = None
