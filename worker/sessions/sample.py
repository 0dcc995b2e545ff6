"""Samples: what events give to the metrics, before anyone decides where it is told."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from worker.sessions.context import Context

MINUTE: Final = 60_000

Kind = str | tuple[str, str]
"""A metric, with the value of its own dimension if it has one."""

Part = defaultdict[Kind, list[int]]
"""The samples of one minute in one context, in the metrics' scaled integers."""


def split(kind: Kind) -> tuple[str, str | None]:
    """The metric of a kind, and the value of its own dimension."""
    return kind if isinstance(kind, tuple) else (kind, None)


def minute_of(instant: int) -> int:
    """The start of an instant's minute."""
    return instant - instant % MINUTE


class Samples:
    """Samples by context and minute (epoch ms), as they come in order of time.

    All samples of a part go to the same series, so a part is told at once.
    """

    __slots__ = ("_context", "_part", "_until", "parts")

    def __init__(self) -> None:
        self.parts: dict[tuple[Context, int], Part] = {}
        self.enter(Context())

    def enter(self, context: Context) -> None:
        """The context of all samples that follow."""
        self._context = context
        self._until = NEVER

    def add(self, kind: Kind, time: int, value: int) -> None:
        """One sample, at its event's epoch ms; none before it may be of a later minute."""
        if time >= self._until:
            self._go_on(time)
        self._part[kind].append(value)

    def values(self, kind: Kind, time: int) -> list[int]:
        """Where samples of a kind go in the minute of ``time``, as long as the context stays."""
        if time >= self._until:
            self._go_on(time)
        return self._part[kind]

    def count(self, metric: str) -> int:
        """How many samples there are of a metric without a dimension of its own."""
        return sum(len(part.get(metric, ())) for part in self.parts.values())

    def forget(self) -> None:
        """Let go of all that came so far."""
        self.parts = {}
        self._until = NEVER

    def _go_on(self, time: int) -> None:
        minute = minute_of(time)
        self._until = minute + MINUTE
        place = self._context, minute
        part = self.parts.get(place)
        if part is None:
            part = self.parts[place] = defaultdict(list)
        self._part = part


NEVER: Final = -(1 << 62)
"""Before any instant."""
