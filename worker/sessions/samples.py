"""Samples: the values that events contribute to metrics, before they are assigned to series."""

from __future__ import annotations

from collections import defaultdict

from worker.sessions.context import NOWHERE, Context
from worker.times.minutes import minute_of

SampleKey = str | tuple[str, str]
"""A metric, with the value of its own dimension if it has one."""

MinuteSamples = defaultdict[SampleKey, list[int]]
"""The samples of one minute in one context, in the metrics' scaled integers."""


def split(kind: SampleKey) -> tuple[str, str | None]:
    """Return a key's metric, and the value of its own dimension."""
    return kind if isinstance(kind, tuple) else (kind, None)


class Samples:
    """Samples by context and minute (epoch ms); a part may be empty.

    All samples of a part under one key go to the same series.
    """

    __slots__ = ("_context", "parts")

    def __init__(self, context: Context = NOWHERE) -> None:
        self.parts: dict[tuple[Context, int], MinuteSamples] = {}
        self._context = context

    def enter(self, context: Context) -> None:
        """Set the context of all samples that follow."""
        self._context = context

    def at(self, time: int) -> MinuteSamples:
        """Return the part for samples of an instant (epoch ms), valid for its minute while the
        context stays the same.
        """
        place = self._context, minute_of(time)
        part = self.parts.get(place)
        if part is None:
            part = self.parts[place] = defaultdict(list)
        return part

    def count(self, metric: str) -> int:
        """Return the number of samples of a metric without a dimension of its own."""
        return sum(len(part.get(metric, ())) for part in self.parts.values())
