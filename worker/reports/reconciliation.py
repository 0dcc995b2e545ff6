"""The ledger against CloudWatch: what each series' minute must hold, may hold, and holds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from worker.metrics.series import Series
from worker.outbox.ledger import Note, NoteKey, Tally, tally_of
from worker.partition.commit_outputs import SeriesMinute

MinuteVerdict = Literal["exact", "within the bound", "missing", "too many"]


class ReconciledMinute(NamedTuple):
    """A series' minute (epoch ms). ``must``: samples that have been sent for sure; ``bound``: A,
    by how many there may be more; ``waiting``: samples that are still in the outbox, and aren't
    in ``must``; ``found``: what CloudWatch has.
    """

    series: Series
    minute: int
    must: int
    bound: int
    waiting: int
    found: int

    @property
    def difference(self) -> int:
        """What CloudWatch has more, or, below zero, less than it must."""
        return self.found - self.must

    @property
    def verdict(self) -> MinuteVerdict:
        """What to think of the difference."""
        if self.difference < 0:
            return "missing"
        if self.difference > self.bound:
            return "too many"
        return "exact" if self.difference == 0 else "within the bound"


def compared(
    before: Mapping[NoteKey, Note],
    found: Mapping[SeriesMinute, int],
    after: Mapping[NoteKey, Note],
    waiting: Mapping[NoteKey, Note],
) -> list[ReconciledMinute]:
    """Each series' minute that anybody knows of, by minute and series.

    ``before`` and ``after``: the notes as they were before and after CloudWatch was asked, since
    a worker may be sending meanwhile: what has ended in between may be there or not. ``waiting``:
    of entries that were still in the outbox at last; what may have counted of them is in the
    bound.
    """
    left = [note for key, note in waiting.items() if key not in after]
    sure, possible = tally_of(before.values()), tally_of([*after.values(), *left])
    unsent = tally_of(Note(note.entry, note.kind, 1, 1, note.counts) for note in left)
    rows = [
        ReconciledMinute(
            *key,
            must=(must := sure.get(key, _NONE).min_count),
            bound=possible.get(key, _NONE).max_count - must,
            waiting=unsent.get(key, _NONE).min_count,
            found=found.get(key, 0),
        )
        for key in {*sure, *possible, *found}
    ]
    return sorted(rows, key=lambda row: (row.minute, row.series))


_NONE: Final = Tally(0, 0)
