"""What the simulation knows of each request: how often it may have counted, and who may send.

It watches the store's commits from outside, and so knows what the store should say: an attempt
that was begun durably and has no outcome when another owner takes the partition is ambiguous.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from worker.destinations.cloudwatch.requests import (
    METRIC_KIND,
    decode_groups,
    series_minute_of,
)
from worker.outbox.entries import DeliveryOutcome, Entry, Settled
from worker.outbox.ledger import Note
from worker.testing.strict_cloudwatch import Key

Samples = dict[Key, Counter[float]]
"""Of each series' minute, how often each value counts."""


class Witness(Protocol):
    """Who is told of what workers do to the store; ``Ledger`` and ``BucketLedger`` are."""

    @property
    def owner(self) -> str:
        """The worker that owns the partition."""
        ...

    @property
    def notes(self) -> list[Note]:
        """All notes that were kept."""
        ...

    @property
    def bound(self) -> Samples:
        """How much each value of a series' minute may be over; or the whole minute, as 0."""
        ...

    @property
    def dropped(self) -> Samples:
        """What was given up: how much of each value may be missing; or of the minute, as 0."""
        ...

    def taken(self, worker: str) -> None:
        """A worker has taken the partition."""
        ...

    def fenced(self, worker: str) -> None:
        """A worker has learnt that it is the owner no more."""
        ...

    def wrote(self, worker: str, what: str) -> None:
        """A worker's transaction succeeded."""
        ...

    def sending(self, worker: str) -> None:
        """A worker is about to send."""
        ...

    def claimed(self, entries: Iterable[Entry]) -> None:
        """Attempts were begun, durably."""
        ...

    def settled(self, outcomes: Iterable[Settled]) -> None:
        """Outcomes were recorded, durably."""
        ...


class Ledger:
    """Told of every transaction that succeeded; tells ``broken`` what must not be."""

    def __init__(self, broken: Callable[[str], None]) -> None:
        self.bound: Samples = {}
        """By the store's own counts: how much each value of a series' minute may be over."""
        self.dropped: Samples = {}
        """What was given up: how much of each value may be missing."""
        self.notes: list[Note] = []
        """All notes that were kept."""
        self.owner = ""
        self._broken = broken
        self._in_flight: dict[int, Entry] = {}
        self._ambiguous: Counter[int] = Counter()
        self._inherited: dict[bytes, int] = {}
        self._fenced: set[str] = set()

    def taken(self, worker: str) -> None:
        """A worker has taken the partition."""
        self.owner = worker
        self._ambiguous.update(self._in_flight.keys())
        self._in_flight.clear()

    def fenced(self, worker: str) -> None:
        """A worker has learnt that it is the owner no more."""
        if worker == self.owner:
            self._broken(f"law 4: {worker} owns the partition, and was fenced")
        self._fenced.add(worker)

    def wrote(self, worker: str, what: str) -> None:
        """A worker's transaction succeeded."""
        if worker != self.owner:
            self._broken(f"law 4: {worker} made an {what}, but {self.owner} owns the partition")

    def sending(self, worker: str) -> None:
        """A worker is about to send."""
        if worker in self._fenced:
            self._broken(f"law 4: {worker} was fenced, and sent all the same")

    def claimed(self, entries: Iterable[Entry]) -> None:
        """Attempts were begun, durably."""
        for entry in entries:
            known = self._ambiguous[entry.id] + self._inherited.get(entry.body, 0)
            if entry.ambiguous != known:
                self._broken(
                    f"law 6: entry {entry.id} has {known} ambiguous attempts, and the store"
                    f" counts {entry.ambiguous}"
                )
            self._in_flight[entry.id] = entry

    def settled(self, outcomes: Iterable[Settled]) -> None:
        """Outcomes were recorded, durably."""
        for one in outcomes:
            entry = self._in_flight.pop(one.id, None)
            if entry is None:
                self._broken(f"law 6: entry {one.id} has an outcome, and is in nobody's hands")
            elif one.outcome is DeliveryOutcome.AMBIGUOUS:
                self._ambiguous[one.id] += 1
            elif entry.kind == METRIC_KIND:
                self._end(entry, one)

    def _end(self, entry: Entry, settled: Settled) -> None:
        if settled.note is not None:
            self.notes.append(settled.note)
        for draft in settled.replacements:
            if draft.kind == METRIC_KIND:
                self._inherited[draft.body] = draft.ambiguous
        if settled.outcome is DeliveryOutcome.APPLIED and entry.ambiguous:
            _add(self.bound, entry.body, entry.ambiguous)
        elif settled.outcome is DeliveryOutcome.DROPPED:
            _add(self.dropped, entry.body, 1)


def _add(samples: Samples, body: bytes, times: int) -> None:
    for group in decode_groups(body):
        for datum in group:
            counts = samples.setdefault(key_of(datum), Counter())
            for value, count in zip(datum["Values"], datum["Counts"], strict=True):
                counts[float(value)] += count * times


def key_of(datum: dict[str, Any]) -> Key:
    """The series and minute of a datum, as the CloudWatch of the simulation keeps them."""
    series, minute = series_minute_of(datum)
    return *series, minute
