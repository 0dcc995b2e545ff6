"""The minutes that a running worker's fleet view shows. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from worker.page.bins import Bins, bins_over
from worker.times.minutes import MINUTE, minute_of

USUAL_MINUTES: Final = 60
"""The number of minutes shown by default."""


class Minutes(NamedTuple):
    """A span from a minute up to another, exclusive (epoch ms)."""

    since: int
    until: int


def span_of(minutes: int, end: int, most: int, floor: int) -> Minutes:
    """Return the last ``minutes`` (1 or more) up to and including the minute of ``end``: at most
    ``most`` ms, and none before ``floor``; both instants in epoch ms.
    """
    until = minute_of(end) + MINUTE
    asked = min(minutes * MINUTE, most)
    return Minutes(min(max(until - asked, floor), until - MINUTE), until)


def live_bins(span: Minutes) -> Bins:
    """The bins that cover a span."""
    return bins_over(span.since, span.until - MINUTE)
