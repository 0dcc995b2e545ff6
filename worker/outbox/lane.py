"""A lane of the outbox: its entries of one kind, on their way to one sink.

What was not applied is tried again without limit, after a pause with full jitter that grows
while nothing goes through. What nobody knows about is tried again, too, and counted; or, by
another policy, given up at once, so that nothing can count twice. Each kind has a lane of its
own, so that a sink that is away holds up nothing but its own entries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple, Protocol

from worker.outbox.entries import (
    DeliveryOutcome,
    Entry,
    EntryKind,
    Group,
    Replacement,
    Settled,
    decode_groups,
    halved,
    without_too_old,
)
from worker.outbox.ledger import Note, note_of

CLAIM: Final = 4
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 30.0
_MOST_FAILURES: Final = 16

OnAmbiguous = Literal["resend", "drop"]


class Sink(Protocol):
    """Where entries of one kind go."""

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        """Make one attempt; its outcome, and an error's name or an empty text."""
        ...


class Outbox(Protocol):
    """The part of a store that a lane needs."""

    def claim(self, kind: EntryKind, most: int) -> list[Entry]:
        """See ``Store.claim``."""
        ...

    def settle(self, settled: list[Settled]) -> None:
        """See ``Store.settle``."""
        ...


class Observer(Protocol):
    """Who is told what happens to entries."""

    def sent(self, entry: Entry, outcome: DeliveryOutcome, error: str) -> None:
        """An attempt has ended, or will never be made."""
        ...

    def noted(self, note: Note) -> None:
        """The ledger has a note more."""
        ...


class Policy(NamedTuple):
    """``on_ambiguous``: what becomes of a metrics entry after an attempt that nobody knows about.
    ``clock`` gives epoch ms, ``random`` numbers in [0, 1).
    """

    on_ambiguous: OnAmbiguous
    clock: Callable[[], int]
    random: Callable[[], float]


class Lane:
    """Moves entries of ``kind`` out of ``outbox``. Not safe for threads."""

    def __init__(
        self, kind: EntryKind, outbox: Outbox, sink: Sink, observer: Observer, policy: Policy
    ) -> None:
        self.kind: Final = kind
        self._outbox = outbox
        self._sink = sink
        self._observer = observer
        self._policy = policy
        self._failures = 0
        self._drops = kind == "metrics" and policy.on_ambiguous == "drop"
        # all that is claimed when a worker dies is dropped then: no more than the one at hand
        self._claim = 1 if self._drops else CLAIM

    def send_some(self, most: Callable[[], int] = lambda: CLAIM) -> bool:
        """One round of attempts; False if there was nothing to send.

        ``most``: how many attempts the round may make, asked again before each; what was claimed
        and not begun waits again.
        """
        entries = self._outbox.claim(self.kind, min(self._claim, most()))
        settled = [
            self._settled(entry)
            if made < most()
            else Settled(entry.id, DeliveryOutcome.NOT_APPLIED)
            for made, entry in enumerate(entries)
        ]
        if settled:
            self._outbox.settle(settled)
            for one in settled:
                if one.note is not None:
                    self._observer.noted(one.note)
        return bool(entries)

    def pause_s(self) -> float:
        """How long to wait before the next round: nothing after a success."""
        if not self._failures:
            return 0.0
        longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * float(2**self._failures))
        return self._policy.random() * longest

    def _settled(self, entry: Entry) -> Settled:
        if self.kind != "metrics":
            return Settled(entry.id, self._attempt(entry))
        replacement = without_too_old(entry, self._policy.clock())
        if replacement is not None:
            self._observer.sent(entry, DeliveryOutcome.TOO_OLD, "")
            return _replaced(entry, DeliveryOutcome.TOO_OLD, replacement)
        if self._drops and entry.ambiguous:
            return self._dropped(entry)
        outcome = self._attempt(entry)
        if outcome is DeliveryOutcome.AMBIGUOUS and self._drops:
            return self._dropped(entry._replace(ambiguous=entry.ambiguous + 1))
        if outcome is DeliveryOutcome.INVALID:
            return _replaced(entry, outcome, halved(entry))
        if outcome is DeliveryOutcome.APPLIED:
            return Settled(entry.id, outcome, (), _note(entry, decode_groups(entry.body), 1))
        return Settled(entry.id, outcome)

    def _dropped(self, entry: Entry) -> Settled:
        self._observer.sent(entry, DeliveryOutcome.DROPPED, "")
        note = _note(entry, decode_groups(entry.body), 0)
        return Settled(entry.id, DeliveryOutcome.DROPPED, (), note)

    def _attempt(self, entry: Entry) -> DeliveryOutcome:
        outcome, error = self._sink.send(entry.body)
        self._observer.sent(entry, outcome, error)
        self._failures = 0 if outcome.ends else min(self._failures + 1, _MOST_FAILURES)
        return outcome


def _replaced(entry: Entry, outcome: DeliveryOutcome, replacement: Replacement) -> Settled:
    return Settled(entry.id, outcome, replacement.drafts, _note(entry, replacement.buried, 0))


def _note(entry: Entry, groups: list[Group], applied: int) -> Note | None:
    """None where nothing can have reached CloudWatch."""
    if not groups or not applied + entry.ambiguous:
        return None
    datums = (datum for group in groups for datum in group)
    return note_of(entry.id, datums, applied, applied + entry.ambiguous)
