"""What the simulation knows of each request: how often it may have counted, and who may send.

It watches the store's commits from outside, and so knows what the store should say: an attempt
that was begun durably and has no outcome when another owner takes the partition is ambiguous.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from worker.emit.outbox import Entry, Outcome, Settled, decode_groups
from worker.events.timestamps import parse_ms
from worker.testing.strict_cloudwatch import Key


class Ledger:
    """Told of every transaction that succeeded; tells ``broken`` what must not be."""

    def __init__(self, broken: Callable[[str], None]) -> None:
        self.bound: dict[Key, Counter[float]] = {}
        """By the store's own counts: how much each value of a series' minute may be over."""
        self.owner = ""
        self._broken = broken
        self._in_flight: dict[int, Entry] = {}
        self._ambiguous: Counter[int] = Counter()
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
            known = self._ambiguous[entry.id]
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
            elif one.outcome is Outcome.AMBIGUOUS:
                self._ambiguous[one.id] += 1
            elif one.outcome is Outcome.APPLIED and entry.kind == "metrics":
                self._allow(entry)

    def _allow(self, entry: Entry) -> None:
        if entry.ambiguous:
            for group in decode_groups(entry.body):
                for datum in group:
                    allowed = self.bound.setdefault(key_of(datum), Counter())
                    for value, count in zip(datum["Values"], datum["Counts"], strict=True):
                        allowed[float(value)] += count * entry.ambiguous


def key_of(datum: dict[str, Any]) -> Key:
    """The series and minute of a datum, as the CloudWatch of the simulation keeps them."""
    dimensions = sorted((one["Name"], one["Value"]) for one in datum["Dimensions"])
    return datum["MetricName"], tuple(dimensions), stamp_of(datum)


def stamp_of(datum: dict[str, Any]) -> int:
    """A datum's time in epoch ms."""
    stamp = parse_ms(datum["Timestamp"])
    if stamp is None:
        raise ValueError(f"a datum with the stamp {datum['Timestamp']!r}")
    return stamp
