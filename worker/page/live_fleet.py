"""Which minutes the fleet of a running worker shows. Pure."""

from __future__ import annotations

from typing import NamedTuple

from worker.page.bins import Bins, bins_over
from worker.times.minutes import MINUTE, minute_of

USUAL_MINUTES = 60


class Minutes(NamedTuple):
    """From a minute up to another, which is not in it (epoch ms)."""

    since: int
    until: int


def span_of(minutes: int | None, end: int, most: int, floor: int) -> Minutes:
    """The last ``minutes`` before ``end``, that of it included: at most ``most`` ms, and none
    before ``floor`` (both epoch ms); an hour if no number is asked for.
    """
    until = minute_of(end) + MINUTE
    asked = min(max(1, USUAL_MINUTES if minutes is None else minutes) * MINUTE, most)
    return Minutes(min(max(until - asked, floor), until - MINUTE), until)


def live_bins(span: Minutes) -> Bins:
    """The bins that cover a span."""
    return bins_over(span.since, span.until - MINUTE)
