"""Samples: what events give to the metrics, before anyone decides where it is told."""

from __future__ import annotations

from collections import defaultdict

from worker.sessions.context import NOWHERE, Context
from worker.times.minutes import minute_of

SampleKey = str | tuple[str, str]
"""A metric, with the value of its own dimension if it has one."""

MinuteSamples = defaultdict[SampleKey, list[int]]
"""The samples of one minute in one context, in the metrics' scaled integers."""


def split(kind: SampleKey) -> tuple[str, str | None]:
    """The metric of a kind, and the value of its own dimension."""
    return kind if isinstance(kind, tuple) else (kind, None)


class Samples:
    """Samples by context and minute (epoch ms); a part may be empty.

    All samples of a part go to the same series, so a part is told at once.
    """

    __slots__ = ("_context", "parts")

    def __init__(self, context: Context = NOWHERE) -> None:
        self.parts: dict[tuple[Context, int], MinuteSamples] = {}
        self._context = context

    def enter(self, context: Context) -> None:
        """The context of all samples that follow."""
        self._context = context

    def at(self, time: int) -> MinuteSamples:
        """Where samples of an instant (epoch ms) go, and of its minute while the context stays."""
        place = self._context, minute_of(time)
        part = self.parts.get(place)
        if part is None:
            part = self.parts[place] = defaultdict(list)
        return part

    def count(self, metric: str) -> int:
        """How many samples there are of a metric without a dimension of its own."""
        return sum(len(part.get(metric, ())) for part in self.parts.values())
