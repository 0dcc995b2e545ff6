"""A command's progress, and records that it leaves out, on standard error."""

from __future__ import annotations

from collections.abc import Callable

import click

from worker.printable import escaped_line
from worker.stream.record import Record


class Progress:
    """Prints a count at most every ``interval_s`` seconds, and the first one at once."""

    def __init__(
        self,
        verb: str,
        clock: Callable[[], float],
        interval_s: float = 2.0,
        *,
        noun: str = "records",
    ) -> None:
        self._verb = verb
        self._noun = noun
        self._clock = clock
        self._interval_s = interval_s
        self._next: float | None = None

    def __call__(self, count: int) -> None:
        """Print the ``count`` so far if enough time has passed."""
        now = self._clock()
        if count and (self._next is None or now >= self._next):
            click.echo(f"{count:,} {self._noun} {self._verb}", err=True)
            self._next = now + self._interval_s


def print_refused(record: Record, why: str) -> None:
    """Report a record that a stream refused."""
    place = f"{record.shard}, sequence number {record.sequence_number}"
    click.echo(escaped_line(f"{place}: left out: {why}"), err=True)
