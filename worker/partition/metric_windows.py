"""Open metric windows: samples on their way out of the partition, aggregated in bulk."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from worker.events.event import SessionKey
from worker.metrics.catalogue import Hold
from worker.metrics.instruments import instrument_of
from worker.metrics.series import Series
from worker.partition.commit_outputs import (
    ReleaseReason,
    SeriesMinute,
    SlowestSample,
    Waits,
    Window,
)
from worker.partition.series_registry import Owner, SeriesBook, owner_of
from worker.sessions.context import Context
from worker.sessions.samples import SampleKey, Samples, split

Counted = defaultdict[SeriesMinute, Counter[int]]

_SeriesSamples = tuple[tuple[Series, ...], list[int]]
"""Samples, and the series that they belong to."""


class MinuteSpan(msgspec.Struct, frozen=True, gc=False):
    """The minutes before ``before`` and, for contextual metrics, those before ``contextual``, which
    is no later. Epoch ms.
    """

    before: int
    contextual: int


class MetricWindows:
    """Samples by series and minute. ``book`` assigns their series, in the order in which they
    come.
    """

    __slots__ = ("_counted", "_parts", "_slowest", "_waits", "book")

    def __init__(self, book: SeriesBook, *, keep_slowest: bool = False) -> None:
        self.book = book
        self._parts: dict[tuple[Context, Owner, int], dict[SampleKey, _SeriesSamples]] = {}
        self._counted: Counted = defaultdict(Counter)
        self._waits: Waits = Counter()
        self._slowest: dict[SeriesMinute, SlowestSample] | None = {} if keep_slowest else None

    def __bool__(self) -> bool:
        return bool(self._parts or self._counted)

    def add_samples(self, samples: Samples, span: MinuteSpan, owner: Owner) -> None:
        """Add the samples of the minutes in ``span`` to all of their series."""
        before, contextual = span.before, span.contextual
        for (context, minute), part in samples.parts.items():
            if not part or minute >= before:
                continue
            waits = minute >= contextual
            whole = self._parts.setdefault((context, owner, minute), {})
            admitted = self.book.of(context, owner)
            for kind, values in part.items():
                if waits and self.book.is_contextual(kind):
                    continue
                if kind in whole:
                    whole[kind][1].extend(values)
                else:
                    whole[kind] = admitted[kind], values.copy()

    def note_slowest(self, samples: Samples, span: MinuteSpan, key: SessionKey) -> None:
        """Remember a session's slowest samples in histograms of the minutes in ``span``, where
        they are the slowest so far.
        """
        if self._slowest is None:
            return
        owner = owner_of(key)
        for (context, minute), part in samples.parts.items():
            for kind, values in part.items():
                metric = split(kind)[0]
                late = minute >= span.contextual and self.book.is_contextual(kind)
                if minute >= span.before or late or not instrument_of(metric).is_histogram:
                    continue
                one = SlowestSample(max(values), key)
                for series in self.book.of(context, owner)[kind]:
                    known = self._slowest.setdefault((series, minute), one)
                    if (one.value, key.session_id) > (known.value, known.key.session_id):
                        self._slowest[series, minute] = one

    def waited(self, hold: Hold, reason: ReleaseReason, ms: int) -> None:
        """Count a session's minute that was released ``ms`` after its end."""
        self._waits[hold, reason, ms] += 1

    def add(self, place: SeriesMinute, counts: Mapping[int, int]) -> None:
        """Add samples of one series' minute, as counts by value."""
        self._counted[place].update(counts)

    def count(self) -> Counted:
        """Aggregate the samples so far into distributions, which take less memory, and return
        them.
        """
        for (_, _, minute), part in self._parts.items():
            for all_series, values in part.values():
                for series in all_series:
                    _count(self._counted[series, minute], values)
        self._parts.clear()
        return self._counted

    def drain(self) -> Window:
        """Drain all samples."""
        window: Window = dict(self.count())
        self._counted.clear()
        return window

    def drain_slowest(self) -> dict[SeriesMinute, SlowestSample]:
        """Drain the slowest samples; none unless they are kept."""
        if not self._slowest:
            return {}
        slowest, self._slowest = self._slowest, {}
        return slowest

    def drain_waits(self) -> Waits:
        """Drain the counts of how long minutes waited."""
        waits, self._waits = self._waits, Counter()
        return waits


def _count(counts: Counter[int], values: Sequence[int]) -> None:
    """Add samples to counts by value."""
    if len(values) > _FEW:
        counts.update(values)
        return
    for value in values:
        counts[value] = counts.get(value, 0) + 1


_FEW: Final = 10
"""Of more values at once, ``Counter.update`` is quicker."""
