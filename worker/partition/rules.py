"""The limits and times that govern the partition. All times in ms of stream time."""

from __future__ import annotations

from typing import Literal, NamedTuple

from worker.metrics.series import SeriesRules
from worker.times.minutes import MINUTE

SequenceNumbers = Literal["auto", "contiguous", "sparse"]
"""The assumption about sequence numbers; auto: contiguous until they are found not to be."""


class Rules(NamedTuple):
    """``hold_direct``: how long after its end a complete minute is published.

    ``hold_turn``: how long a session's turn metrics wait for events that may follow the last one;
    ``quiet``: until no event has arrived for this long, but at most ``hold_max`` after the minute's
    end. ``hold_hole``: how long a minute waits after its end for events that are missing before its
    own. ``release_every``: how often minutes may be released.

    ``close_after_wrap_up``: how long after its last arrival a complete session closes; one with a
    wrap-up and missing events closes ``hold_hole`` after its wrap-up, any other ``close_idle``
    after its last arrival. ``keep_closed``: how long a late event can bring a closed session back.
    ``expire_after``: how much older than stream time an event of an unknown session may be; None:
    any age. ``max_events``: the limit of a session's events. ``max_held``: how many sessions may be
    in memory; None: any number. ``timeline``: whether records have a timeline. ``totals``:
    whether the totals of series are kept. ``exemplars``: whether the slowest sample of each
    histogram's minute is given out with its session.
    """

    hold_direct: int = 30_000
    hold_turn: int = 180_000
    quiet: int = 30_000
    hold_max: int = 600_000
    hold_hole: int = 300_000
    release_every: int = MINUTE
    close_after_wrap_up: int = 30_000
    close_idle: int = 1_800_000
    keep_closed: int = 14_400_000
    expire_after: int | None = 21_600_000
    max_events: int = 50_000
    max_held: int | None = 1_000_000
    sequence_numbers: SequenceNumbers = "auto"
    timeline: bool = True
    totals: bool = False
    exemplars: bool = False
    series: SeriesRules = SeriesRules()
