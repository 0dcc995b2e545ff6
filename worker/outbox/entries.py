"""The entries of the outbox: complete requests to be sent, created only by a commit.

An entry is PENDING until an attempt begins, SENDING (durably, before the first byte leaves) until
the attempt's outcome is known, and then removed; or PENDING again, if it wasn't applied or the
outcome is unknown. The outcome of an entry found SENDING at a start is unknown. Each entry's
ambiguous attempts are counted, and its replacements inherit them: that count bounds by how much its
destination may have too much. Pure.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from worker.outbox.ledger import Note

EntryKind = str
"""The destination of an entry: the name that wiring gives it. It is stored with the entry, so a
name that has been used must keep its meaning.
"""

DEAD_LETTER_KIND: Final[EntryKind] = "dead_letters"
"""The kind of entries for what no destination takes; wiring must give a destination this name."""


class NewEntry(NamedTuple):
    """An entry before a commit assigns its id. ``created_at``: when its contents left the partition
    (epoch ms); ``ambiguous``: the ambiguous attempts of the entry that it replaces.
    """

    kind: EntryKind
    body: bytes
    created_at: int
    ambiguous: int = 0


class Entry(NamedTuple):
    """An entry of the outbox. ``attempts`` and ``ambiguous`` count the attempts so far."""

    id: int
    kind: EntryKind
    body: bytes
    created_at: int
    attempts: int
    ambiguous: int


class DeliveryOutcome(Enum):
    """The known outcome of an attempt to send, or the reason why there will be no other."""

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
    """An attempt's outcome. ``replacements``: the entries that replace an ended one; ``note``: the
    ledger's note on it.
    """

    id: int
    outcome: DeliveryOutcome
    replacements: tuple[NewEntry, ...] = ()
    note: Note | None = None
