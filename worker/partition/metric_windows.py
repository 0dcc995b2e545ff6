"""Samples on their way out of the partition: gathered one by one, and counted many at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from worker.partition.commit_outputs import SeriesMinute, Window
from worker.partition.series_registry import SeriesBook
from worker.sessions.context import Context
from worker.sessions.samples import Kind, Samples, split

Counted = defaultdict[SeriesMinute, Counter[int]]


class Gathered:
    """Samples by series and minute. ``book`` says which series, in the order in which they come."""

    __slots__ = ("_counted", "_parts", "book")

    def __init__(self, book: SeriesBook) -> None:
        self.book = book
        self._parts: dict[tuple[Context, str, int], dict[Kind, list[int]]] = {}
        self._counted: Counted = defaultdict(Counter)

    def __bool__(self) -> bool:
        return bool(self._parts or self._counted)

    def spread(self, samples: Samples, before: int, account: str) -> None:
        """Add the samples of minutes before ``before`` (epoch ms) to all of their series."""
        for (context, minute), part in samples.parts.items():
            if part and minute < before:
                whole = self._parts.setdefault((context, account, minute), {})
                for kind, values in part.items():
                    if kind in whole:
                        whole[kind].extend(values)
                    else:
                        self.book.of(*split(kind), context, account)
                        whole[kind] = values.copy()

    def add(self, place: SeriesMinute, counts: Mapping[int, int]) -> None:
        """Add samples of one series' minute."""
        self._counted[place].update(counts)

    def count(self) -> Counted:
        """All samples so far as distributions; they take less memory."""
        for (context, account, minute), part in self._parts.items():
            for kind, values in part.items():
                for series in self.book.of(*split(kind), context, account):
                    self._counted[series, minute].update(values)
        self._parts.clear()
        return self._counted

    def take(self) -> Window:
        """All samples, which are gone from here."""
        window: Window = dict(self.count())
        self._counted.clear()
        return window
