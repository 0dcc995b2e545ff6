"""The calls that fleets are tried with, and how long what they yield is held back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise, takewhile
from typing import Final, NamedTuple

from worker.events.decode import decode_all
from worker.events.event import Event, SessionKey
from worker.stream.record import Record
from worker.testing.traffic import Traffic, simulated_records

HOLDS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("hold_direct_s", "hold_turn_s", "hold_hole_s", "hold_max_s"), 3_600),
    "quiet_s": 5,
    "close_after_wrap_up_s": 10,
    "close_idle_s": 90,
}
"""The holds are longer than the age of any event when its call closes. So whatever a session yields
waits until it has closed, and nothing but repeats follows that: a complete session lacks nothing,
any other has been silent for ``close_idle_s``. No event contradicts what was emitted, however much
farther than others a shard is read, and however late calls are fed.

No shorter hold would do. Calls that are fed faster than they happen are up to half an hour old when
they arrive, so their minutes would be due at once: of an event that arrives twice the second
delivery would be released, if its shard is read farther, and contradicted by the first one, by
which DeliveryDelay goes.
"""


class Trial(NamedTuple):
    """Simulated calls, and how a fleet is fed with them: for ``fed_s`` seconds, ``speed`` times as
    fast as they happened.
    """

    sessions: int
    fed_s: int
    speed: float
    seed: int
    holds: Mapping[str, int] = HOLDS

    def records(self) -> list[Record]:
        """The records, with the arrivals of calls at their own speed."""
        taken_s = self.fed_s * self.speed
        traffic = Traffic(
            sessions=self.sessions,
            spread_s=taken_s * 0.7,
            delay_median_s=0.5,
            stragglers=0,
            lost=0,
            malformed=0.003,
            aggregates=0.03,
        )
        last = traffic.start_ms + taken_s * 1000
        return [*takewhile(lambda one: one.arrival < last, simulated_records(traffic, self.seed))]


HINDERED: Final[Mapping[str, Trial]] = {
    "kcl-rs": Trial(sessions=120, fed_s=300, speed=6.0, seed=1),
    "daemon": Trial(sessions=160, fed_s=600, speed=4.0, seed=1),
}
"""By engine: most of what befalls the fleet befalls it amid calls."""

MOVED: Final = Trial(sessions=60, fed_s=200, speed=6.0, seed=2)
SHOWN: Final = Trial(
    sessions=60,
    fed_s=75,
    speed=16.0,
    seed=1,
    holds={**HOLDS, "quiet_s": 2, "close_after_wrap_up_s": 4, "close_idle_s": 30},
)


def longest_silence_ms(records: Iterable[Record]) -> int:
    """The longest time in which nothing new of a call arrived, between two events of it."""
    arrivals: dict[SessionKey, dict[tuple[int, int, str], int]] = defaultdict(dict)
    for delivery in decode_all(records):
        event = delivery.occurrence
        if isinstance(event, Event):
            first = arrivals[event.key]
            one = (event.timestamp, event.sequence_number, event.name)
            first[one] = min(event.arrival, first.get(one, event.arrival))
    return max(
        (
            later - earlier
            for one in arrivals.values()
            for earlier, later in pairwise(sorted(one.values()))
        ),
        default=0,
    )
