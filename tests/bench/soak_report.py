"""Whether a worker that has run for long has stayed as it was: its figures by the minute. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from statistics import median
from typing import Final, NamedTuple

TOLERANCE: Final = 0.10
"""By what share the medians of two halves may differ."""

WARM_UP: Final = 0.3
"""The share of the run, and of its last start, that is left out: caches and holds fill up."""


class Sample(NamedTuple):
    """The worker at an instant. ``at_s``: seconds since the run began; ``start``: which start of
    the worker it is, from 1. ``state``: bytes of commits, closed sessions and outbox; ``disk``:
    of the state's files, but for the ledger; ``ledger``: of its notes. ``log`` and ``occurrences``:
    bytes and CloudEvents so far, over all starts. ``rss`` in bytes.
    """

    at_s: float
    start: int
    rss: int
    handles: int
    threads: int
    state: int
    disk: int
    ledger: int
    log: int
    occurrences: int


class Minute(NamedTuple):
    """The medians of a minute's samples; of ``log`` and ``occurrences``, what was added in it."""

    minute: int
    start: int
    rss: float
    handles: float
    threads: float
    state: float
    disk: float
    ledger: float
    log: int
    occurrences: int


class Judged(NamedTuple):
    """A figure's medians in the two halves of what is compared."""

    what: str
    unit: str
    first: float
    second: float

    @property
    def flat(self) -> bool:
        """Whether they differ by no more than the tolerance."""
        return abs(self.second - self.first) <= TOLERANCE * self.first


def by_minute(samples: Sequence[Sample]) -> list[Minute]:
    """One row for each minute that has samples; the start is that of its last sample."""
    minutes = [
        (minute, list(found)) for minute, found in groupby(samples, lambda one: int(one.at_s // 60))
    ]
    ends = [samples[0], *(found[-1] for _, found in minutes)]
    return [
        _minute(minute, found, before)
        for (minute, found), before in zip(minutes, ends, strict=False)
    ]


def _minute(minute: int, found: Sequence[Sample], before: Sample) -> Minute:
    def middle(figure: Callable[[Sample], int]) -> float:
        return median(map(figure, found))

    return Minute(
        minute,
        found[-1].start,
        middle(lambda one: one.rss),
        middle(lambda one: one.handles),
        middle(lambda one: one.threads),
        middle(lambda one: one.state),
        middle(lambda one: one.disk),
        middle(lambda one: one.ledger),
        found[-1].log - before.log,
        found[-1].occurrences - before.occurrences,
    )


def judge(minutes: Sequence[Minute]) -> list[Judged]:
    """What must stay as it is. A process's own figures are compared within the last start, the
    others over the whole run; the warm-up and the last minute, which isn't whole, are left out.
    """
    whole = minutes[:-1]
    last = [one for one in whole if one.start == whole[-1].start]
    return [
        _judged("memory (RSS)", "MB", last, lambda one: one.rss / 1e6),
        _judged("open file handles", "", last, lambda one: one.handles),
        _judged("threads", "", last, lambda one: one.threads),
        _judged("state but for the ledger", "kB", whole, lambda one: one.state / 1e3),
        _judged("its files but for the ledger", "kB", whole, lambda one: one.disk / 1e3),
        _judged("log per minute", "kB", whole, lambda one: one.log / 1e3),
        _judged("CloudEvents per minute", "", whole, lambda one: one.occurrences),
    ]


def _judged(
    what: str, unit: str, minutes: Sequence[Minute], figure: Callable[[Minute], float]
) -> Judged:
    warm = minutes[int(len(minutes) * WARM_UP) :]
    half = len(warm) // 2
    first, second = (median(map(figure, part)) for part in (warm[:half], warm[half:]))
    return Judged(what, unit, first, second)


def report(minutes: Sequence[Minute]) -> str:
    """Markdown: the verdicts, then every minute."""
    judged = judge(minutes)
    grown = (minutes[-1].ledger - minutes[0].ledger) / max(1, len(minutes) - 1) / 1e3
    lines = [
        "| figure | first half | second half | flat |",
        "| --- | --- | --- | --- |",
        *(
            f"| {one.what} | {one.first:,.1f} {one.unit} | {one.second:,.1f} {one.unit} |"
            f" {'yes' if one.flat else '**no**'} |"
            for one in judged
        ),
        "",
        f"The ledger keeps its notes for 15 days: it grew by {grown:,.1f} kB a minute.",
        "",
        "| minute | start | RSS MB | handles | threads | state kB | files kB | ledger kB | log kB |"
        " events |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(
            f"| {one.minute} | {one.start} | {one.rss / 1e6:.1f} | {one.handles:.0f} |"
            f" {one.threads:.0f} | {one.state / 1e3:,.0f} | {one.disk / 1e3:,.0f} |"
            f" {one.ledger / 1e3:,.0f} | {one.log / 1e3:,.1f} | {one.occurrences:,.0f} |"
            for one in minutes
        ),
    ]
    return "\n".join(lines) + "\n"
