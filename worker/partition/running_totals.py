"""The totals of a partition, from commit to commit. Pure."""

from __future__ import annotations

from worker.metrics.totals import NONE, Totals, increment, merge_totals
from worker.partition.commit_outputs import Window


class RunningTotals:
    """``kept``: whether there are to be any; ``restored``: those of all commits so far.

    Totals that were restored and aren't kept end with the next commit, because samples go by that
    they don't have. Should they be kept again, they begin at another start.
    """

    def __init__(self, *, kept: bool, restored: Totals | None) -> None:
        self._kept = kept
        self._ends = not kept and restored is not None and restored != NONE
        self._now = restored if kept else None

    @property
    def now(self) -> Totals | None:
        """Of all samples so far, as whoever gets it may keep it; None before the first one, or if
        they aren't kept.
        """
        return None if self._now is None or not self._now.series else self._now

    def add(self, window: Window, now: int | None) -> Totals | None:
        """Add the samples that a commit gives out at stream time ``now``; what its delta has to say
        of it, None if the totals are as they were.
        """
        if not self._kept:
            ending, self._ends = self._ends, False
            return NONE if ending else None
        added = increment(self._now, window, now)
        self._now = merge_totals(self._now, added)
        return added
