"""Which minutes the fleet of a running worker shows. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from worker.page.bins import Bins, bins_over
from worker.times.minutes import MINUTE, minute_of

USUAL_MINUTES: Final = 60
"""So many minutes are shown if no number is asked for."""


class Minutes(NamedTuple):
    """From a minute up to another, which is not in it (epoch ms)."""

    since: int
    until: int


def span_of(minutes: int, end: int, most: int, floor: int) -> Minutes:
    """The last ``minutes`` (1 or more) before ``end``, that of it included: at most ``most`` ms,
    and none before ``floor``; both instants in epoch ms.
    """
    until = minute_of(end) + MINUTE
    asked = min(minutes * MINUTE, most)
    return Minutes(min(max(until - asked, floor), until - MINUTE), until)


def live_bins(span: Minutes) -> Bins:
    """The bins that cover a span."""
    return bins_over(span.since, span.until - MINUTE)
