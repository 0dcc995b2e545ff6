"""A lane of the outbox: the queue of entries of one kind to one destination.

An entry that was not applied is retried without limit, after a pause with full jitter that grows
while nothing succeeds. An entry with an unknown outcome is retried, too, and counted; or, by the
destination's other policy, dropped at once, so that nothing can count twice. No entry is given up
for its age or its contents before the destination has refused it. Each kind has its own lane, so an
unavailable destination delays only its own entries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from worker.backoff import full_jitter
from worker.outbox.destination import Destination, Replacement
from worker.outbox.entries import (
    DEAD_LETTER_KIND,
    DeliveryOutcome,
    Entry,
    EntryKind,
    NewEntry,
    Settled,
)
from worker.outbox.ledger import Note, SampleCounts
from worker.partition import dead_letters

CLAIM: Final = 4
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 30.0
_REFUSED: Final = (DeliveryOutcome.INVALID, DeliveryOutcome.TOO_OLD)


class Outbox(Protocol):
    """The part of a store that a lane needs."""

    def claim(self, kind: EntryKind, most: int) -> list[Entry]:
        """See ``Store.claim``."""
        ...

    def settle(self, settled: list[Settled]) -> None:
        """See ``Store.settle``."""
        ...


class DeliveryObserver(Protocol):
    """Receives what happens to entries."""

    def sent(self, entry: Entry, outcome: DeliveryOutcome, error: str) -> None:
        """An attempt has ended, or will never be made."""
        ...

    def noted(self, note: Note) -> None:
        """The ledger has one more note."""
        ...


class Lane:
    """Sends the entries of ``kind`` in ``outbox``. Not thread-safe.

    ``random`` returns numbers in [0, 1).
    """

    def __init__(
        self,
        kind: EntryKind,
        outbox: Outbox,
        destination: Destination,
        observer: DeliveryObserver,
        random: Callable[[], float],
    ) -> None:
        self.kind: Final = kind
        self.format: Final = destination.format
        self._outbox = outbox
        self._sink = destination.sink
        self._observer = observer
        self._random = random
        self._failures = 0
        self._drops = destination.on_ambiguous == "drop"
        # entries claimed when a worker dies are dropped, or sent again after younger ones, and a
        # round attempts all of its entries whatever became of the first: claim the current one
        self._claim = 1 if self._drops or destination.in_order else CLAIM

    def send_some(self, most: Callable[[], int] = lambda: CLAIM) -> bool:
        """Make one round of attempts; return False if there was nothing to send.

        ``most`` returns how many attempts the round may make, and is called again before each;
        claimed entries that were not attempted become pending again.
        """
        entries = self._outbox.claim(self.kind, min(self._claim, most()))
        settled = [
            self._settled(entry)
            if attempted < most()
            else Settled(entry.id, DeliveryOutcome.NOT_APPLIED)
            for attempted, entry in enumerate(entries)
        ]
        if settled:
            self._outbox.settle(settled)
            for one in settled:
                if one.note is not None:
                    self._observer.noted(one.note)
        return bool(entries)

    def pause_s(self) -> float:
        """Return the wait in s before the next round: none after a success."""
        if not self._failures:
            return 0.0
        return full_jitter(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, self._failures, self._random)

    def _settled(self, entry: Entry) -> Settled:
        if self._drops and entry.ambiguous:
            return self._dropped(entry)
        outcome, error = self._sink.send(entry.body)
        replacements: Replacement | None = None
        if outcome in _REFUSED:
            invalid = outcome is DeliveryOutcome.INVALID
            replacements = (self.format.split if invalid else self.format.too_old)(entry.body)
            outcome = DeliveryOutcome.NOT_APPLIED if replacements is None else outcome
        self._attempted(entry, outcome, error)
        if replacements is not None:
            return _replaced(entry, outcome, replacements)
        if outcome is DeliveryOutcome.AMBIGUOUS and self._drops:
            return self._dropped(entry._replace(ambiguous=entry.ambiguous + 1))
        if outcome is DeliveryOutcome.APPLIED:
            return Settled(entry.id, outcome, (), _note(entry, self.format.counts(entry.body), 1))
        return Settled(entry.id, outcome)

    def _dropped(self, entry: Entry) -> Settled:
        self._observer.sent(entry, DeliveryOutcome.DROPPED, "")
        note = _note(entry, self.format.counts(entry.body), 0)
        return Settled(entry.id, DeliveryOutcome.DROPPED, (), note)

    def _attempted(self, entry: Entry, outcome: DeliveryOutcome, error: str) -> None:
        self._observer.sent(entry, outcome, error)
        self._failures = 0 if outcome.is_final else self._failures + 1


def _replaced(entry: Entry, outcome: DeliveryOutcome, replacement: Replacement) -> Settled:
    replacements = [
        NewEntry(entry.kind, body, entry.created_at, entry.ambiguous) for body in replacement.bodies
    ]
    if replacement.letter is not None:
        line = dead_letters.encode_letter(replacement.letter) + b"\n"
        replacements.append(NewEntry(DEAD_LETTER_KIND, line, entry.created_at))
    return Settled(entry.id, outcome, tuple(replacements), _note(entry, replacement.dropped, 0))


def _note(entry: Entry, counts: SampleCounts, applied: int) -> Note | None:
    """Return the note on an ended entry; None if nothing can have reached the destination."""
    if not counts or not applied + entry.ambiguous:
        return None
    return Note(entry.id, entry.kind, applied, applied + entry.ambiguous, counts)
