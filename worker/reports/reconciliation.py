"""The ledger against CloudWatch: the samples each series' minute must, may and does have. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from worker.metrics.series import Series
from worker.outbox.ledger import Note, NoteKey, Tally, tally_of
from worker.partition.commit_outputs import SeriesMinute

MinuteVerdict = Literal["exact", "within the bound", "missing", "too many"]


class ReconciledMinute(NamedTuple):
    """A series' minute (epoch ms).

    ``must``: samples that have certainly been sent. ``bound``: A, how many more there may be.
    ``waiting``: samples still in the outbox, not in ``must``. ``found``: CloudWatch's samples.
    """

    series: Series
    minute: int
    must: int
    bound: int
    waiting: int
    found: int

    @property
    def difference(self) -> int:
        """The number of samples that CloudWatch has above, or if negative below, ``must``."""
        return self.found - self.must

    @property
    def verdict(self) -> MinuteVerdict:
        """The judgement of the difference."""
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
    """Compare every series' minute that appears anywhere, sorted by minute and series.

    ``before`` and ``after``: the notes before and after CloudWatch was read, because a worker may
    be sending meanwhile: requests that ended in between may or may not be counted in ``found``.
    ``waiting``: notes of entries that were still in the outbox after that; samples of theirs that
    may have been counted are in the bound.
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
