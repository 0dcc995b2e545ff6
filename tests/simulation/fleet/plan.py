"""What one run of a fleet is: a single worker's traffic, and a fleet's faults; from its seed."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Final, Literal

from tests.simulation.plan import (
    Crash,
    Fault,
    KeyedReshard,
    Plan,
    Point,
    PutFault,
    Reshard,
    Stall,
    StandStill,
    Steal,
    TakeOver,
    draw,
)

_MINUTE: Final = 60_000

_PUTS: Final[tuple[Literal["throttled", "lost", "applied", "late"], ...]] = (
    *("throttled", "lost", "applied", "late"),
)

_OFTEN: Final[dict[Point, int]] = {
    "recall": 60,
    "before S3 call": 2000,
    "after S3 call": 2000,
    "before take": 12,
    "after take": 12,
    "before append": 200,
    "after append": 200,
    "before claim": 100,
    "after claim": 100,
    "before send": 30,
    "after send": 30,
    "before settle": 20,
    "after settle": 20,
    "before put": 300,
    "after put": 300,
    "before checkpoint": 200,
    "after checkpoint": 200,
}
"""About how often a run comes to each point."""


def draw_fleet(seed: int) -> Plan:
    """The plan of a seed."""
    rng = Random(f"{seed}:fleet")
    plan = draw(seed)
    kept = [one for one in plan.faults if not isinstance(one, Crash | TakeOver)]
    faults = tuple(dict.fromkeys([*kept, *_faults(rng)]))
    return replace(
        plan, faults=faults, buckets=rng.choice((1, 3, 4)), tasks=rng.choice((1, 2, 2, 3))
    )


def _faults(rng: Random) -> list[Fault]:
    span = rng.choice((8, 40)) * _MINUTE
    most = rng.choice((1, 4, 10))
    faults: list[Fault] = []
    for _ in range(rng.randrange(1, most + 1)):
        point = rng.choice(tuple(_OFTEN))
        nth = rng.randrange(1, _OFTEN[point] + 1)
        kind = rng.random()
        if kind < 0.4:
            faults.append(Crash(point, nth, rng.choice((0, 1000, rng.randrange(600_000)))))
        elif kind < 0.8:
            faults.append(TakeOver(point, nth, rng.randrange(1, 60)))
        else:
            faults.append(Steal(point, nth))
    for _ in range(rng.randrange(most)):
        at = rng.randrange(span)
        faults.append(
            StandStill(at, rng.randrange(1, 60))
            if rng.random() < 0.7
            else Stall(at, rng.choice((20_000, 400_000)))
        )
        which = rng.randrange(9)
        faults.append(Reshard(rng.randrange(span), rng.choice(("split", "merge")), which))
        faults.append(KeyedReshard(rng.randrange(span), rng.choice(("split", "merge")), which))
    for _ in range(rng.randrange(1, 3 + 4 * most)):
        later = rng.choice((500, 20_000, rng.randrange(1_200_000)))
        faults.append(PutFault(rng.randrange(300), rng.choice(_PUTS), later))
    return faults
